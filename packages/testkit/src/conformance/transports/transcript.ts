import assert from "node:assert/strict";
import { type GapReason, parsePosition } from "@holdfast/protocol";
import { ReaderAudit, type ReadingRules, type SeenEvent } from "../../history/reader-audit.ts";
import type { TruthLog } from "../../history/truth-log.ts";
import type { Hearer } from "./lane.ts";

export interface SeenGap {
  readonly from: string;
  readonly to: string;
  readonly reason: GapReason;
}

/** What one reading was told, to be waited for and to be held against the log. */
export class Transcript implements Hearer {
  readonly name: string;
  readonly channel: string;
  readonly #after: string;
  readonly #deadlineMs: number;
  readonly #told: ((audit: ReaderAudit) => void)[] = [];
  readonly #waiting = new Set<() => void>();
  /** Where it stands. */
  position: string | undefined;
  /** Everything it was given. */
  readonly seen: SeenEvent[] = [];
  readonly gaps: SeenGap[] = [];
  endedAt: string | undefined;
  refusedWith: string | undefined;
  /** What happened, in order, by name. */
  readonly order: ("subscribed" | "events" | "gap" | "end")[] = [];
  /** Ends the reading. */
  close: () => void = () => {};

  constructor(name: string, request: { channel: string; after: string }, deadlineMs: number) {
    this.name = name;
    this.channel = request.channel;
    this.#after = request.after;
    this.#deadlineMs = deadlineMs;
  }

  subscribed(cursor: string): void {
    this.position = cursor;
    this.#add("subscribed", (audit) => audit.subscribed(cursor));
  }

  events(events: readonly SeenEvent[], cursor: string): void {
    this.position = cursor;
    this.seen.push(...events);
    this.#add("events", (audit) => audit.events(events, cursor));
  }

  gap(from: string, to: string, reason: GapReason): void {
    this.position = to;
    this.gaps.push({ from, to, reason });
    this.#add("gap", (audit) => audit.gap(from, to, reason));
  }

  end(cursor: string): void {
    this.endedAt = cursor;
    this.#add("end", (audit) => audit.end(cursor));
  }

  refused(code: string): void {
    this.refusedWith = code;
    this.#look();
  }

  #add(what: Transcript["order"][number], tell: (audit: ReaderAudit) => void): void {
    this.order.push(what);
    this.#told.push(tell);
    this.#look();
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** Waits for something, which is looked at whenever the reading is told anything. Rejects after the deadline, saying how far it came. */
  async until(what: string, done: () => boolean): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!done()) return;
        this.#waiting.delete(look);
        resolve();
      };
      timer = setTimeout(() => {
        const state = `${this.seen.length} events, at ${this.position}, gaps ${JSON.stringify(this.gaps)}`;
        reject(new Error(`${this.name}: ${this.#deadlineMs} ms passed waiting ${what}; ${state}`));
      }, this.#deadlineMs);
      this.#waiting.add(look);
      look();
    }).finally(() => clearTimeout(timer));
  }

  untilStarted(): Promise<void> {
    return this.until("for its position", () => this.position !== undefined);
  }

  untilAt(cursor: string): Promise<void> {
    return this.until(`to reach ${cursor}`, () => this.position === cursor);
  }

  untilSeen(count: number): Promise<void> {
    return this.until(`for ${count} events`, () => this.seen.length >= count);
  }

  /** Holds everything it was told against the logs of its channel, oldest first. Promises ORD, GAP, DUP. */
  check(logs: readonly TruthLog[], rules: ReadingRules = { mode: "every", maxLag: 0 }): void {
    const broken: string[] = [];
    const about = { name: this.name, channel: this.channel, start: { after: parsePosition(this.#after) } };
    const audit = new ReaderAudit(about, logs, rules, (promise, what) => broken.push(`${promise}: ${what}`));
    for (const tell of this.#told) tell(audit);
    assert.deepEqual(broken, []);
  }
}
