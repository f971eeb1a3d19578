import {
  type Cursor,
  formatCursor,
  type LogEvent,
  parseCursor,
  type ServerMessage,
  type WireEvent,
} from "@holdfast/protocol";
import type { Mode } from "./settings.ts";

/** Every event that was ever in a log, by epoch. */
type History = ReadonlyMap<string, readonly LogEvent[]>;

/** Follows what one session was told of one channel, and throws with the id of the rule at the first thing that may not be. */
export class StreamCheck {
  readonly #channel: string;
  readonly #mode: Mode;
  #position: Cursor | undefined;
  #ended = false;
  readonly gaps: string[] = [];
  /** The cursors of the events received. */
  readonly events: string[] = [];

  constructor(channel: string, mode: Mode = "every") {
    this.#channel = channel;
    this.#mode = mode;
  }

  get position(): Cursor | undefined {
    return this.#position;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  hear(message: ServerMessage, history: History): void {
    if (message.type === "heartbeat") this.#heads(message.heads);
    if (!("channel" in message) || message.channel !== this.#channel) return;
    switch (message.type) {
      case "subscribed":
        if (this.#position !== undefined) fail("SUB-2", message);
        this.#position = parseCursor(message.cursor);
        this.#ended = false;
        return;
      case "events":
        this.#batch(message, history);
        return;
      case "gap":
        this.#continues("GAP-1", message.from, message);
        this.#position = parseCursor(message.to);
        this.gaps.push(`${message.from} ${message.to} ${message.reason}`);
        return;
      case "end":
        this.#continues("END-1", message.cursor, message);
        this.#readToItsEnd(history);
        this.#position = undefined;
        this.#ended = true;
        return;
      case "unsubscribed":
        this.#position = undefined;
        return;
      default:
        return;
    }
  }

  #continues(rule: string, from: string, message: ServerMessage): void {
    if (this.#position === undefined) fail("SUB-5", message);
    else if (formatCursor(this.#position) !== from) fail(rule, message, formatCursor(this.#position));
  }

  #batch(message: Extract<ServerMessage, { type: "events" }>, history: History): void {
    this.#continues("DUP-1", message.from, message);
    const from = parseCursor(message.from);
    const to = parseCursor(message.to);
    if (to.epoch !== from.epoch || to.offset <= from.offset) fail("DUP-1", message);
    const log = history.get(from.epoch) ?? [];
    const there = log.filter(({ offset }) => offset > from.offset && offset <= to.offset);
    const due = this.#mode === "every" ? there : there.filter((event) => !isReplaced(event, log));
    this.#matches(message.events, there, due, message);
    this.#position = to;
    for (const { cursor } of message.events) this.events.push(cursor);
  }

  /** What came is part of what is there, in its order, and holds all that is due. */
  #matches(
    came: readonly WireEvent[],
    there: readonly LogEvent[],
    due: readonly LogEvent[],
    message: ServerMessage,
  ): void {
    let at = 0;
    for (const event of came) {
      const { epoch, offset } = parseCursor(event.cursor);
      const found = there.findIndex((one, index) => index >= at && one.offset === offset);
      if (found === -1) fail("ORD-1", message, `${epoch}-${offset}`);
      const expected = there[found]?.payload;
      if (expected?.encoding === "json" && expected.text !== JSON.stringify(event.data))
        fail("ORD-1", message);
      at = found + 1;
    }
    const cursors = new Set(came.map(({ cursor }) => parseCursor(cursor).offset));
    const missed = due.find(({ offset }) => !cursors.has(offset));
    if (missed !== undefined) fail(this.#mode === "every" ? "MODE-1" : "MODE-2", message, `${missed.offset}`);
  }

  #readToItsEnd(history: History): void {
    const { epoch, offset } = this.#position ?? { epoch: "", offset: 0 };
    const rest = (history.get(epoch) ?? []).find((event) => event.offset > offset);
    if (rest !== undefined) fail("END-1", { type: "pong" }, `${rest.offset} is unread`);
  }

  #heads(heads: Readonly<Record<string, string>>): void {
    const head = heads[this.#channel];
    if (head === undefined) return;
    if (this.#position === undefined || formatCursor(this.#position) !== head) {
      fail("BEAT-2", { type: "heartbeat", heads }, this.#position && formatCursor(this.#position));
    }
  }
}

function isReplaced(event: LogEvent, log: readonly LogEvent[]): boolean {
  return log.some((other) => other.offset > event.offset && (other.key ?? "") === (event.key ?? ""));
}

function fail(rule: string, message: ServerMessage, detail = ""): never {
  throw new Error(`${rule} is broken by ${JSON.stringify(message)}${detail === "" ? "" : `; ${detail}`}`);
}
