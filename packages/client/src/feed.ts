import type { ChannelEvent, Connection, Gap, Presence, Signal, Wants } from "@holdfast/core/client";
import { type Cursor, formatPosition, type Member, parseCursor, type Start } from "@holdfast/protocol";
import type { Reader } from "./reader.ts";

/** Where a feed says what it wants. */
export type Tell = (input: (connection: Connection, now: number) => void) => void;

/**
 * One channel on one connection, for all readers that stand where it stands. Each gets every event that comes; one
 * that wants to start elsewhere has another feed.
 */
export class Feed {
  readonly channel: string;
  readonly start: Start;
  readonly readers = new Set<Reader>();
  readonly #tell: Tell;
  readonly #bufferedMax: number;
  /** Everything up to here was given to the readers. */
  #cursor: string | undefined;
  /** Where the log ended when reading began; until that is reached this is history. */
  #head: Cursor | undefined;
  /** Events that the connection takes as not consumed yet. */
  #outstanding = 0;
  #wants: Wants;
  /** Who is there, for readers that come later. */
  #members: Map<string, Member> | undefined;

  constructor(first: Reader, start: Start, settings: { tell: Tell; bufferedMax: number }) {
    this.channel = first.channel;
    this.start = start;
    this.#tell = settings.tell;
    this.#bufferedMax = settings.bufferedMax;
    this.#wants = wantsOf([first], start);
    this.#tell((connection, now) => connection.subscribe(this.channel, this.#wants, now));
    this.add(first);
  }

  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** All its readers lag, so that it is parked as soon as more comes. */
  get isFull(): boolean {
    return this.#outstanding >= this.#bufferedMax;
  }

  /** Whether a reader that wants to start there would get the same. */
  suits(start: Start): boolean {
    if (this.#cursor === undefined) return sameStart(this.start, start);
    if (this.isFull || !("after" in start)) return false;
    return start.after === "latest" ? this.#head === undefined : formatPosition(start.after) === this.#cursor;
  }

  add(reader: Reader): void {
    this.readers.add(reader);
    this.review();
    if (this.#cursor !== undefined) reader.attached(this.#cursor);
    if (this.#members !== undefined) {
      reader.present({ channel: this.channel, full: true, members: [...this.#members.values()], left: [] });
    }
  }

  remove(reader: Reader): void {
    this.readers.delete(reader);
    if (this.readers.size > 0) this.review();
  }

  /** Asks for what its readers want together. */
  review(): void {
    const before = this.#wants;
    const wants = wantsOf(this.readers, this.start);
    this.#wants = wants;
    if (wants.signals !== before.signals || wants.presence !== before.presence) {
      const { signals, presence } = wants;
      this.#tell((connection, now) => connection.change(this.channel, { signals, presence }, now));
    }
    if (wants.join !== before.join) {
      this.#tell((connection, now) => connection.join(this.channel, wants.join, now));
    }
    this.settle();
  }

  /** Tells the connection how far its fastest reader is; in steps, as each costs a turn. */
  settle(): void {
    let least = Infinity;
    for (const { buffered } of this.readers) if (buffered < least) least = buffered;
    const count = this.#outstanding - least;
    if (count < this.#bufferedMax / 4) return;
    this.#outstanding = least;
    this.#tell((connection, now) => connection.consumed(this.channel, count, now));
  }

  subscribed(cursor: string, head: string): void {
    this.#cursor = cursor;
    this.#head = parseCursor(head);
    this.#catchUp();
    for (const reader of this.readers) reader.attached(cursor);
  }

  events(events: readonly ChannelEvent[], cursor: string): void {
    this.#outstanding += events.length;
    this.#moveTo(cursor);
    // A copy, as a reader may leave, and others come, while it is told.
    for (const reader of [...this.readers]) reader.events(events, cursor);
  }

  gap(gap: Gap): void {
    this.#moveTo(gap.to);
    for (const reader of [...this.readers]) reader.gap(gap);
  }

  signal(signal: Signal): void {
    for (const reader of [...this.readers]) reader.signalled(signal);
  }

  presence(presence: Presence): void {
    if (presence.full) this.#members = new Map();
    for (const member of presence.members) this.#members?.set(member.instance, member);
    for (const instance of presence.left) this.#members?.delete(instance);
    for (const reader of [...this.readers]) reader.present(presence);
  }

  #moveTo(cursor: string): void {
    this.#cursor = cursor;
    if (this.#head !== undefined) this.#catchUp();
  }

  #catchUp(): void {
    if (this.#cursor === undefined || this.#head === undefined) return;
    const { epoch, offset } = parseCursor(this.#cursor);
    // In another epoch that head is no longer of any log.
    if (epoch !== this.#head.epoch || offset >= this.#head.offset) this.#head = undefined;
  }
}

function wantsOf(readers: Iterable<Reader>, start: Start): Wants {
  let signals = false;
  let presence = false;
  let join: unknown;
  for (const { options, joinData } of readers) {
    signals ||= options.onSignal !== undefined;
    presence ||= options.onPresence !== undefined;
    join = joinData ?? join;
  }
  return { start, signals, presence, ...(join === undefined ? {} : { join }) };
}

function sameStart(a: Start, b: Start): boolean {
  if ("last" in a || "last" in b) return "last" in a && "last" in b && a.last === b.last;
  return formatPosition(a.after) === formatPosition(b.after);
}
