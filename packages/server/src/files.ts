import { closeSync, openSync, readFileSync } from "node:fs";
import { devNull } from "node:os";
import type { Timed } from "./deadlines.ts";
import type { Logger } from "./log.ts";

/** Kept free for what is no connection: certificates, modules that are loaded late, the application's own. */
const spareFiles = 16;
const lookMs = 1000;

/** How many files this process may have open; undefined where the system does not say. */
export function filesMax(): number | undefined {
  try {
    const [, text] = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return text === undefined ? undefined : Number(text);
  } catch {
    return undefined;
  }
}

/** The lowest descriptor that is free, below which all are taken; undefined when none is free. */
function freeDescriptor(): number | undefined {
  try {
    const descriptor = openSync(devNull, "r");
    closeSync(descriptor);
    return descriptor;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "EMFILE" || code === "ENFILE" ? undefined : 0;
  }
}

/** How many connections are let in. */
export interface Room {
  /** Those that are served. */
  readonly served: number;
  /** With those beyond, which are told that they are too many; even more would be too much, and are cut off. */
  readonly told: number;
  /** What bounds it, for the refusal to name. */
  readonly because: string;
}

/** How many more than are served are told so. */
export function surplusOf(connections: number): number {
  return Math.min(1000, Math.ceil(connections / 10));
}

/**
 * The room for connections where the process may open so many files. It must not reach that limit: the system would drop
 * new connections without a word to anybody, this process included.
 */
export function roomFor(connectionsMax: number, files = filesMax(), used = freeDescriptor() ?? 0): Room {
  const wanted = connectionsMax + surplusOf(connectionsMax);
  const most = files === undefined ? wanted : Math.max(2, files - used - spareFiles);
  if (most >= wanted) return { served: connectionsMax, told: wanted, because: "connectionsMax" };
  return {
    served: Math.min(connectionsMax, most - surplusOf(most)),
    told: most,
    because: `its process may open ${files} files`,
  };
}

/** Notices when no file can be opened any more, as the application may have taken them all: nobody else would tell. */
export class FileWatch implements Timed {
  deadline: number;
  /** How often it was found so; once a second is looked. */
  exhausted = 0;
  readonly #log: Logger;
  #isExhausted = false;

  constructor(log: Logger, now: number) {
    this.#log = log;
    this.deadline = now + lookMs;
  }

  tick(now: number): void {
    this.deadline = now + lookMs;
    const was = this.#isExhausted;
    this.#isExhausted = freeDescriptor() === undefined;
    if (this.#isExhausted) this.exhausted++;
    if (was === this.#isExhausted) return;
    this.#log(
      this.#isExhausted
        ? {
            level: "error",
            message:
              'No more files may be open in this process, and new connections are dropped unanswered. Raise "ulimit -n", or lower connectionsMax.',
          }
        : { level: "info", message: "Files can be opened again." },
    );
  }
}

const logEveryMs = 10_000;

/** Counts the connections that were refused for want of room, and says so now and then. */
export class RefusalCount {
  total = 0;
  readonly #log: Logger;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(log: Logger) {
    this.#log = log;
  }

  add({ served, because }: Room, now: number): void {
    this.total++;
    if (now - this.#toldAt < logEveryMs) return;
    this.#toldAt = now;
    this.#log({
      level: "warn",
      message: `Connections are refused: this node takes at most ${served} (${because}).`,
      connectionsRefused: this.total,
    });
  }
}
