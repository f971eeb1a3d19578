import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { LogEntry } from "@holdfast/server";
import type { Ask, Bed, Held, Serving, Setting, Told } from "./setting.ts";

/** Resolves when a condition holds; the test's own timeout is the only bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

/** Longer than any limit that is set here, and than a busy machine takes. */
const patienceMs = 10_000;

/** Resolves when a condition holds, as it must before long; else fails and says what was waited for. */
export async function soon(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  await until(async () => {
    if (await condition()) return true;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patienceMs} ms`);
    return false;
  });
}

/** Small, so that attacks are short; healthy clients are far from all of them. */
export const smallLimits = {
  headersTimeoutMs: 400,
  bodyTimeoutMs: 400,
  helloTimeoutMs: 400,
  headersBytesMax: 4096,
  heartbeatMs: 2000,
  // The machine that tests run on may be busy with others.
  loopDelayMsMax: 0,
  handshakesPerAddressPerSecond: 0,
  stalledMsMax: 800,
  connectionsMax: 300,
  messageBytesMax: 64 * 1024,
  eventBytesMax: 16 * 1024,
  pageBytesMax: 64 * 1024,
  connectionBufferBytesMax: 16 * 1024,
  publishEventsMax: 100,
  subscriptionsMax: 64,
  streamChannelsMax: 10,
} as const;

/** A server in a process of its own, which is attacked and must not mind. */
export class Target {
  readonly bed: Bed;
  readonly serving: Serving;
  readonly log: readonly LogEntry[];
  readonly #process: ChildProcess;
  readonly #faults: string[];

  private constructor(setting: Setting, child: ChildProcess, serving: Serving, output: Output) {
    this.bed = setting.bed;
    this.#process = child;
    this.serving = serving;
    this.log = output.log;
    this.#faults = output.faults;
  }

  static async start(setting: Setting): Promise<Target> {
    const child = fork(join(import.meta.dirname, "server.ts"), [JSON.stringify(setting)], {
      execArgv: ["--expose-gc"],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    const output = outputOf(child);
    const [{ serving }] = (await once(child, "message")) as [Extract<Told, { serving: Serving }>];
    return new Target(setting, child, serving, output);
  }

  /** Where it is attacked. */
  get url(): URL {
    return new URL(this.serving.secure ?? this.serving.plain);
  }

  /** Stops it; fails unless it goes as it should. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) {
      const ended = once(this.#process, "exit");
      this.#ask("stop");
      await ended;
    }
    assert.equal(this.#process.exitCode, 0, this.#faults.join("\n"));
  }

  #ask(ask: Ask): void {
    this.#process.send(ask);
  }

  async held(): Promise<Held> {
    this.#ask("held");
    const [told] = (await once(this.#process, "message")) as [Extract<Told, { held: Held }>];
    return told.held;
  }

  /** Bytes that it uses, once its garbage is gone; of several workers those of the primary. */
  async heapBytes(): Promise<number> {
    this.#ask("heap");
    const [told] = (await once(this.#process, "message")) as [Extract<Told, { heapBytes: number }>];
    return told.heapBytes;
  }

  /** Fails when anything went wrong in it that it did not mean to refuse. */
  async isUnharmed(): Promise<void> {
    assert.equal(this.#process.exitCode, null, this.#faults.join("\n"));
    assert.deepEqual(this.#faults, []);
    const errors = this.log.filter(({ level }) => level === "error");
    assert.deepEqual(errors, []);
    const { status } = await this.get("/health/ready");
    assert.equal(status, 200);
  }

  /** Asks as a plain client would, on a connection of its own. */
  get(path: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const asked = request(new URL(path, this.serving.plain), { agent: false }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      });
      asked.once("error", reject).end();
    });
  }

  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape.
  async events(channel: string): Promise<any[]> {
    const { text } = await this.get(`/channels/${channel}`);
    return JSON.parse(text).events;
  }
}

interface Output {
  readonly log: LogEntry[];
  /** Whatever it printed that is no entry of its log. */
  readonly faults: string[];
}

function outputOf(child: ChildProcess): Output {
  const output: Output = { log: [], faults: [] };
  createInterface(child.stdout!).on("line", (line) => {
    if (line.startsWith("{")) output.log.push(JSON.parse(line) as LogEntry);
    else output.faults.push(line);
  });
  createInterface(child.stderr!).on("line", (line) => output.faults.push(line));
  return output;
}
