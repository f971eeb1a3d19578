import { type Cursor, formatCursor, parseCursor, type ServerMessage } from "@holdfast/protocol";
import type { Fail } from "./violation.ts";

/**
 * Holds what one connection carries against the rules of the session protocol, knowing nothing of the logs: whoever
 * breaks them might go unnoticed because the other side heals it.
 */
export class WireAudit {
  readonly #name: string;
  readonly #fail: Fail;
  /** Starts asked for, and not answered. */
  readonly #asked = new Map<string, (string | undefined)[]>();
  readonly #positions = new Map<string, Cursor>();
  readonly #refs = new Set<number>();
  #isWelcomed = false;
  #isMoving = false;
  #isLast = false;

  constructor(name: string, fail: Fail) {
    this.#name = name;
    this.#fail = fail;
  }

  /** A message of the client left; as parsed from JSON. */
  asked(fields: unknown): void {
    const message = fields as {
      type: string;
      ref?: number;
      subscriptions?: { channel: string; after?: string }[];
    };
    for (const { channel, after } of message.subscriptions ?? []) {
      const asked = this.#asked.get(channel) ?? [];
      asked.push(after);
      this.#asked.set(channel, asked);
    }
    if (message.type === "publish" && message.ref !== undefined) this.#refs.add(message.ref);
  }

  /** A message of the server arrived. */
  said(message: ServerMessage): void {
    if (this.#isLast) this.#wrong(`"${message.type}" came after the last "reconnect" (CALM-2)`);
    if (!this.#isWelcomed && message.type !== "welcome" && message.type !== "error") {
      this.#wrong(`"${message.type}" came before "welcome" (SES-2)`);
    }
    switch (message.type) {
      case "welcome":
        if (this.#isWelcomed) this.#wrong(`"welcome" came twice (SES-2)`);
        this.#isWelcomed = true;
        return;
      case "subscribed":
        this.#subscribed(message.channel, message.cursor);
        return;
      case "events":
        this.#moves(message.channel, message.from, message.to, message.events);
        return;
      case "gap":
        this.#moves(message.channel, message.from, message.to, []);
        return;
      case "end":
        if (this.#at(message.channel) !== message.cursor) {
          this.#wrong(
            `"end" of ${message.channel} at ${message.cursor}, being at ${this.#at(message.channel)} (END-1)`,
          );
        }
        this.#positions.delete(message.channel);
        return;
      case "unsubscribed":
        // One that had not begun will not be answered any more.
        if (!this.#positions.delete(message.channel)) this.#asked.get(message.channel)?.shift();
        return;
      case "heartbeat":
        this.#heads(message.heads);
        return;
      case "published":
        this.#answered(message.ref);
        return;
      case "error":
        this.#error(message);
        return;
      case "reconnect":
        // The first asks the client to go elsewhere, and it is served until it does. Rule CALM-2.
        this.#isLast = this.#isMoving;
        this.#isMoving = true;
        return;
      default:
    }
  }

  #subscribed(channel: string, cursor: string): void {
    const after = this.#asked.get(channel)?.shift();
    if (this.#positions.has(channel)) this.#wrong(`${channel} was subscribed twice (SUB-2)`);
    if (after?.includes("-") && after !== cursor) {
      this.#wrong(`${channel} was asked for after ${after}, and starts at ${cursor} (SUB-1)`);
    }
    this.#positions.set(channel, parseCursor(cursor));
  }

  #moves(channel: string, from: string, to: string, events: readonly { cursor: string }[]): void {
    const at = this.#at(channel);
    if (at === undefined) {
      this.#wrong(`${channel} is given ${from} to ${to} without "subscribed" (SUB-1, SUB-5)`);
      return;
    }
    if (at !== from) this.#wrong(`${channel} is given ${from} to ${to}, being at ${at} (DUP-1)`);
    let last = parseCursor(from);
    const end = parseCursor(to);
    for (const event of events) {
      const cursor = parseCursor(event.cursor);
      if (cursor.epoch !== end.epoch || cursor.offset <= last.offset || cursor.offset > end.offset) {
        this.#wrong(`${channel}: ${event.cursor} between ${formatCursor(last)} and ${to} (DUP-1)`);
      }
      last = cursor;
    }
    this.#positions.set(channel, end);
  }

  #heads(heads: Readonly<Record<string, string>>): void {
    for (const [channel, head] of Object.entries(heads)) {
      if (this.#at(channel) !== head) {
        this.#wrong(`a heartbeat has ${channel} at ${head}, being at ${this.#at(channel)} (BEAT-2)`);
      }
    }
  }

  #answered(ref: number): void {
    if (!this.#refs.delete(ref)) this.#wrong(`publish ${ref} was answered without being asked, or twice`);
  }

  #error(message: { ref?: number; channel?: string; code: string }): void {
    const { ref, channel, code } = message;
    if (ref !== undefined) this.#answered(ref);
    // A subscription that is refused has no position yet; other errors of a channel leave it where it is.
    else if (channel !== undefined && !this.#positions.has(channel) && code !== "not_subscribed") {
      this.#asked.get(channel)?.shift();
    }
  }

  #at(channel: string): string | undefined {
    const position = this.#positions.get(channel);
    return position && formatCursor(position);
  }

  #wrong(what: string): void {
    this.#fail("WIRE", `${this.#name}: ${what}`);
  }
}
