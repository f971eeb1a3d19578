import {
  type Cursor,
  formatCursor,
  formatPosition,
  type GapReason,
  type LogEvent,
  type Payload,
  parseCursor,
  payloadValue,
  type Start,
  sameCursor,
  sseData,
} from "@holdfast/protocol";
import type { TruthLog } from "./truth-log.ts";
import type { Fail } from "./violation.ts";

/** An event as a reader was given it. */
export interface SeenEvent {
  readonly cursor: string;
  /** Absent where a face does not say it; then `key`, `id` and `from` are not compared either. */
  readonly at?: number;
  /** A JSON value, a string or a Uint8Array; a `Raw` where a face gives the payload alone. */
  readonly data: unknown;
  readonly type?: string;
  readonly key?: string;
  readonly id?: string;
  readonly from?: string;
}

/** A payload as the text that plain Server-Sent Events carry, which does not tell its kind. Rule SSE-2. */
export class Raw {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may be left out, and for how great a lag. */
export interface ReadingRules {
  readonly mode: "every" | "latest";
  /** 0 knows no gap `slow`. */
  readonly maxLag: number;
}

/** The incarnations of a channel's log, oldest first. */
export type Logs = readonly TruthLog[];

/** Holds everything one reader was given against what the logs hold, step by step: ORD, GAP and DUP. */
export class ReaderAudit {
  readonly name: string;
  readonly channel: string;
  readonly #logs: Logs;
  readonly #rules: ReadingRules;
  readonly #fail: Fail;
  readonly #start: Start;
  #position: Cursor | undefined;
  #isOver = false;
  /** Events given. */
  seen = 0;
  gaps = 0;

  constructor(
    about: { name: string; channel: string; start: Start },
    logs: Logs,
    rules: ReadingRules,
    fail: Fail,
  ) {
    this.name = about.name;
    this.channel = about.channel;
    this.#start = about.start;
    this.#logs = logs;
    this.#rules = rules;
    this.#fail = (promise, what) => fail(promise, `${this.name} on ${this.channel}: ${what}`);
  }

  get position(): Cursor | undefined {
    return this.#position;
  }

  /** It ended, was refused, or was given up. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Nothing may come any more. */
  stop(): void {
    this.#isOver = true;
  }

  /** Reading starts here. Rules READ-1, SUB-1, CUR-3. */
  subscribed(text: string): void {
    this.#checkOpen("subscribed");
    const cursor = parseCursor(text);
    if (this.#position !== undefined) this.#fail("WIRE", `was subscribed twice, the second time at ${text}`);
    this.#position = cursor;
    if ("after" in this.#start && typeof this.#start.after === "object") {
      if (!sameCursor(cursor, this.#start.after)) {
        this.#fail("GAP", `asked for ${formatPosition(this.#start.after)} and was started at ${text}`);
      }
      return;
    }
    const log = this.#log(cursor);
    if (log === undefined) this.#fail("GAP", `was started at ${text}, in a log that never was`);
    else if (cursor.offset > log.head)
      this.#fail("GAP", `was started at ${text}, beyond the head ${log.head}`);
  }

  /** Events came that take the reader to a cursor. */
  events(events: readonly SeenEvent[], cursorText: string): void {
    this.#checkOpen("events");
    const position = this.#position;
    const to = parseCursor(cursorText);
    if (position === undefined) {
      this.#fail("WIRE", "was given events before its position");
      return;
    }
    this.#position = to;
    this.seen += events.length;
    const log = this.#log(to);
    if (log === undefined || to.epoch !== position.epoch) {
      this.#fail("GAP", `went from ${formatCursor(position)} to ${cursorText} without a gap`);
      return;
    }
    if (to.offset < position.offset) {
      this.#fail("DUP", `went back from ${formatCursor(position)} to ${cursorText}`);
      return;
    }
    if (to.offset > log.head) {
      this.#fail("GAP", `is at ${cursorText}, beyond the head ${log.head}`);
      return;
    }
    const given = this.#given(log, position, to, events);
    if (given !== undefined) this.#checkMissed(log, position, to, given);
  }

  /** The offsets of what was given, each checked against the log. */
  #given(log: TruthLog, from: Cursor, to: Cursor, events: readonly SeenEvent[]): Set<number> | undefined {
    const given = new Set<number>();
    let last = from.offset;
    for (const event of events) {
      const { epoch, offset } = parseCursor(event.cursor);
      if (epoch === from.epoch && offset <= from.offset) {
        this.#fail("DUP", `saw ${event.cursor} again, being at ${formatCursor(from)}`);
        return undefined;
      }
      if (given.has(offset)) {
        this.#fail("DUP", `saw ${event.cursor} twice`);
        return undefined;
      }
      if (epoch !== from.epoch || offset <= last || offset > to.offset) {
        this.#fail(
          "ORD",
          `saw ${event.cursor} after ${log.epoch}-${last}, on the way to ${formatCursor(to)}`,
        );
        return undefined;
      }
      const difference = differenceOf(event, log.at(offset));
      if (difference !== undefined) {
        this.#fail("ORD", `saw ${event.cursor} with ${difference}`);
        return undefined;
      }
      given.add(offset);
      last = offset;
    }
    return given;
  }

  #checkMissed(log: TruthLog, from: Cursor, to: Cursor, given: ReadonlySet<number>): void {
    for (const event of log.between(from.offset, to.offset)) {
      if (given.has(event.offset)) continue;
      if (this.#rules.mode === "latest" && log.isReplaced(event)) continue;
      this.#fail(
        "GAP",
        `missed ${log.epoch}-${event.offset} between ${formatCursor(from)} and ${formatCursor(to)}`,
      );
      return;
    }
  }

  /** Was told that events can no longer be had. Rules GAP-1 to GAP-3. */
  gap(fromText: string, toText: string, reason: GapReason): void {
    this.#checkOpen("a gap");
    const position = this.#position;
    const to = parseCursor(toText);
    this.#position = to;
    this.gaps++;
    const told = `was told of a gap ${fromText} to ${toText} (${reason})`;
    if (position === undefined || formatCursor(position) !== fromText) {
      this.#fail("GAP", `${told} at ${position && formatCursor(position)}`);
      return;
    }
    const log = this.#log(to);
    if (log === undefined) {
      this.#fail("GAP", `${told} into a log that never was`);
      return;
    }
    const why = this.#faultOfGap(position, to, log, reason);
    if (why !== undefined) this.#fail("GAP", `${told}, but ${why}`);
  }

  #faultOfGap(from: Cursor, to: Cursor, log: TruthLog, reason: GapReason): string | undefined {
    if (reason === "slow") {
      if (this.#rules.maxLag === 0) return "no lag is too great here";
      return to.offset > log.head ? `the head is ${log.head}` : undefined;
    }
    const before = this.#logs.findIndex((one) => one.epoch === from.epoch);
    if (reason === "epoch" && from.epoch !== to.epoch) {
      if (before > this.#logs.indexOf(log)) return "that is an older log";
    } else if (reason !== "epoch" && from.epoch !== to.epoch) {
      return "the logs are different ones";
    } else if (to.offset <= from.offset) {
      return "it leads nowhere";
    }
    return to.offset > log.floor ? `what lies after ${log.floor} can still be had` : undefined;
  }

  /** The channel is closed and was read. Rule END-1. */
  end(text: string): void {
    this.#checkOpen("the end");
    const cursor = parseCursor(text);
    const log = this.#log(cursor);
    this.#isOver = true;
    if (this.#position === undefined || !sameCursor(this.#position, cursor)) {
      this.#fail(
        "GAP",
        `was told of the end at ${text}, being at ${this.#position && formatCursor(this.#position)}`,
      );
    } else if (log === undefined || !log.isClosed || log.head !== cursor.offset) {
      this.#fail(
        "GAP",
        `was told of the end at ${text}, but the log is ${log} and ${log?.isClosed ? "" : "not "}closed`,
      );
    }
  }

  /** What keeps the reader from the newest event, once everything had time to heal. */
  checkArrived(): void {
    const log = this.#logs.at(-1);
    if (this.#isOver || log === undefined) return;
    const at = this.#position === undefined ? "nowhere" : formatCursor(this.#position);
    if (at !== formatCursor(log.headCursor))
      this.#fail("LIVE", `is at ${at}, and the head is ${formatCursor(log.headCursor)}`);
    else if (log.isClosed) this.#fail("LIVE", "was not told that the channel is closed");
  }

  #log({ epoch }: Cursor): TruthLog | undefined {
    return this.#logs.findLast((log) => log.epoch === epoch);
  }

  #checkOpen(what: string): void {
    if (this.#isOver) this.#fail("WIRE", `was told ${what} although it is over`);
  }
}

const labels = ["type", "key", "id", "from"] as const;

function differenceOf(seen: SeenEvent, event: LogEvent | undefined): string | undefined {
  if (event === undefined) return "nothing in the log at that place";
  if (seen.at !== undefined && seen.at !== event.at) return `at ${seen.at} instead of ${event.at}`;
  for (const label of seen.at === undefined ? (["type"] as const) : labels) {
    if (seen[label] !== event[label]) return `${label} ${seen[label]} instead of ${event[label]}`;
  }
  return sameData(seen.data, event.payload)
    ? undefined
    : `data ${show(seen.data)} instead of ${show(payloadValue(event.payload))}`;
}

function sameData(data: unknown, payload: Payload): boolean {
  if (data instanceof Raw) return data.text === rawText(payload);
  if (payload.encoding === "text") return data === payload.text;
  if (payload.encoding === "json") return JSON.stringify(data) === JSON.stringify(JSON.parse(payload.text));
  return (
    data instanceof Uint8Array &&
    data.length === payload.bytes.length &&
    data.every((byte, index) => byte === payload.bytes[index])
  );
}

function rawText(payload: Payload): string {
  // Line ends are those of the stream.
  return sseData(payload).replaceAll(/\r\n|\r/g, "\n");
}

function show(data: unknown): string {
  return data instanceof Uint8Array ? `bytes ${[...data]}` : String(JSON.stringify(data)).slice(0, 80);
}
