import type { Cursor, Draft, GapReason, LogEvent, Payload, Position } from "@holdfast/protocol";
import { eventBytes, type Held, type Holdings, type Weighed } from "./holdings.ts";
import { KeyedState } from "./keyed-state.ts";
import { KnownIds } from "./known-ids.ts";
import type { Appended, LogBatch, LogPage, LogRange, LogState, ReadLimits, Retention } from "./port.ts";
import { Ring } from "./ring.ts";

/** One channel's log in memory, with offsets that grow by one. */
export class MemoryLog {
  readonly epoch: string;
  readonly #retention: Retention;
  readonly #holdings: Holdings;
  readonly #events = new Ring<Held>();
  /** Payload bytes within retention. */
  #bytes = 0;
  #floor: number;
  #head: number;
  #closed = false;
  readonly #state = new KeyedState();
  #truncatedAt: number;
  readonly #ids: KnownIds;
  /** The newest event that a limit of the whole broker removed. */
  #limitedAt = 0;
  readonly #origin: number;

  /** `origin` is the offset to begin at: above 0 it says that there may have been a past, which is lost. */
  constructor(epoch: string, retention: Retention, holdings: Holdings, origin: number) {
    this.epoch = epoch;
    this.#retention = retention;
    this.#holdings = holdings;
    this.#ids = new KnownIds(holdings);
    this.#origin = origin;
    this.#floor = origin;
    this.#head = origin;
    this.#truncatedAt = origin;
  }

  get head(): number {
    return this.#head;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Nothing has ever been said in it, so a new log can stand in for it. */
  get isUnwritten(): boolean {
    return this.#head === this.#origin && !this.#closed;
  }

  /** It has no events that can be read, and no ids that a retry may still ask for. */
  get isVacant(): boolean {
    return this.#events.length === 0 && this.#ids.size === 0;
  }

  /** It has an event, be it in the state alone. */
  get holdsEvents(): boolean {
    return this.#events.length > 0 || this.#state.size > 0;
  }

  range(): LogRange {
    return { epoch: this.epoch, floor: this.#floor, head: this.#head, closed: this.#closed };
  }

  isHead(cursor: Cursor): boolean {
    return cursor.offset === this.#head && cursor.epoch === this.epoch;
  }

  /** Whether a draft's id is in the window, so that it would not be appended again. */
  knows(draft: Draft): boolean {
    return this.#ids.find(draft) !== undefined;
  }

  /** Removes what has grown too old by `now`. */
  expire(now: number): void {
    const { ageMsMax, idAgeMsMax } = this.#retention;
    for (let oldest = this.#events.at(0); oldest !== undefined; oldest = this.#events.at(0)) {
      if (now - oldest.event.at < ageMsMax) break;
      this.#trim();
    }
    this.#ids.expire(now, idAgeMsMax);
  }

  /** Appends each draft whose id is not known; `batch` is what was appended. */
  append(drafts: readonly Weighed[], now: number): { results: readonly Appended[]; batch: LogBatch } {
    const from = this.#head;
    const events: LogEvent[] = [];
    const results: Appended[] = [];
    for (const { draft, payloadBytes } of drafts) {
      const known = this.#ids.find(draft);
      if (known !== undefined) {
        results.push(this.#appended(known.offset, known.at, true));
        continue;
      }
      const event = { ...draft, payload: owned(draft.payload), offset: this.#head + 1, at: now };
      this.#take({ event, payloadBytes });
      events.push(event);
      results.push(this.#appended(event.offset, now, false));
    }
    // After the whole batch: until then an id that it repeats is to be found.
    this.#retain();
    return { results, batch: { epoch: this.epoch, from, to: this.#head, events } };
  }

  #appended(offset: number, at: number, duplicate: boolean): Appended {
    return { cursor: { epoch: this.epoch, offset }, at, duplicate };
  }

  read(after: Position, limits: ReadLimits): LogPage {
    const { from, gap } = this.#start(after);
    const events: LogEvent[] = [];
    let bytes = 0;
    for (let index = from - this.#floor; events.length < limits.eventsMax; index++) {
      const held = this.#events.at(index);
      if (held === undefined) break;
      bytes += held.payloadBytes;
      if (bytes > limits.bytesMax && events.length > 0) break;
      events.push(held.event);
    }
    const page = { epoch: this.epoch, from, to: from + events.length, events, range: this.range() };
    return gap === undefined ? page : { ...page, gap };
  }

  /** Where reading after a position begins, and why there. */
  #start(after: Position): { from: number; gap?: GapReason } {
    if (after === "latest") return { from: this.#head };
    if (after === "oldest") return { from: this.#floor };
    if (after.epoch !== this.epoch || after.offset > this.#head) return { from: this.#floor, gap: "epoch" };
    if (after.offset >= this.#floor) return { from: after.offset };
    return { from: this.#floor, gap: after.offset < this.#limitedAt ? "limit" : "expired" };
  }

  state(): LogState {
    return {
      epoch: this.epoch,
      to: this.#head,
      events: this.#state.events(),
      truncatedAt: this.#truncatedAt,
    };
  }

  close(): void {
    this.#closed = true;
  }

  /**
   * Gives the oldest event up to make room for other channels: from the log, or from the state when it is there alone.
   * One that was in both takes two calls.
   */
  forgetOldest(): void {
    const outlived = this.#state.oldest;
    if (outlived !== undefined && outlived.event.offset <= this.#floor) {
      this.#dropState();
    } else if (this.#events.length > 0) {
      this.#trim();
      this.#limitedAt = this.#floor;
    }
  }

  #take(held: Held): void {
    const { event } = held;
    this.#head = event.offset;
    this.#events.push(held);
    this.#bytes += held.payloadBytes;
    this.#holdings.events++;
    this.#holdings.bytes += eventBytes(event, held.payloadBytes);
    this.#ids.add(event, event.offset, event.at);
    const replaced = this.#state.put(held);
    if (replaced !== undefined && replaced.event.offset <= this.#floor) this.#release(replaced);
  }

  #retain(): void {
    const { eventsMax, bytesMax, stateKeysMax, idsMax } = this.#retention;
    while (this.#events.length > eventsMax || this.#bytes > bytesMax) this.#trim();
    while (this.#state.size > stateKeysMax) this.#dropState();
    this.#ids.trim(idsMax);
  }

  /** Removes the oldest event from the log; the state may go on holding it. */
  #trim(): void {
    const held = this.#events.shift();
    if (held === undefined) return;
    this.#floor = held.event.offset;
    this.#bytes -= held.payloadBytes;
    this.#holdings.events--;
    if (!this.#state.holds(held)) this.#release(held);
  }

  #dropState(): void {
    const held = this.#state.dropOldest();
    if (held === undefined) return;
    this.#truncatedAt = held.event.offset;
    if (held.event.offset <= this.#floor) this.#release(held);
  }

  #release({ event, payloadBytes }: Held): void {
    this.#holdings.bytes -= eventBytes(event, payloadBytes);
  }
}

/** A view would keep all of the buffer it looks into alive: the request's, or a pool's. */
function owned(payload: Payload): Payload {
  if (payload.encoding !== "base64" || payload.bytes.length === payload.bytes.buffer.byteLength)
    return payload;
  return { encoding: "base64", bytes: new Uint8Array(payload.bytes) };
}
