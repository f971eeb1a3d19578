import type { Retention } from "@holdfast/core/broker";
import { type Cursor, formatCursor, type LogEvent, payloadBytes } from "@holdfast/protocol";

/**
 * What one incarnation of a channel's log holds, by the testkit's own bookkeeping: nothing here asks the code under test.
 * Events stay after retention has removed them, since readers have read them.
 */
export class TruthLog {
  readonly channel: string;
  readonly epoch: string;
  /** The offset it began at. */
  readonly origin: number;
  readonly events: LogEvent[] = [];
  isClosed = false;
  #head: number;
  #floor: number;
  /** How many events retention has removed, and what is left. */
  #removed = 0;
  #bytesLeft = 0;
  readonly #byId = new Map<string, LogEvent>();

  constructor(channel: string, epoch: string, origin: number) {
    this.channel = channel;
    this.epoch = epoch;
    this.origin = origin;
    this.#head = origin;
    this.#floor = origin;
  }

  /** The offset after everything that was appended. */
  get head(): number {
    return this.#head;
  }

  get headCursor(): Cursor {
    return { epoch: this.epoch, offset: this.#head };
  }

  /** The offset after everything that may have been removed. */
  get floor(): number {
    return this.#floor;
  }

  /** Adds what was appended; `to` may lie beyond the last event where offsets are sparse. */
  push(events: readonly LogEvent[], to: number): void {
    for (const event of events) {
      this.events.push(event);
      this.#bytesLeft += payloadBytes(event.payload);
      if (event.id !== undefined) this.#byId.set(idOf(event.from, event.id), event);
    }
    this.#head = to;
  }

  /** The event that this publisher's id is in the log with. */
  byId(from: string | undefined, id: string): LogEvent | undefined {
    return this.#byId.get(idOf(from, id));
  }

  /** Removes what retention allows to be removed by now. */
  retain({ eventsMax, bytesMax, ageMsMax }: Retention, now: number): void {
    for (let oldest = this.events[this.#removed]; oldest !== undefined; oldest = this.events[this.#removed]) {
      const isOver = this.events.length - this.#removed > eventsMax || this.#bytesLeft > bytesMax;
      if (!isOver && now - oldest.at < ageMsMax) return;
      this.#bytesLeft -= payloadBytes(oldest.payload);
      this.#removed++;
      this.#floor = oldest.offset;
    }
  }

  /** Somebody who may know says that everything up to here was removed. */
  removedTo(offset: number): void {
    this.#floor = Math.max(this.#floor, offset);
  }

  at(offset: number): LogEvent | undefined {
    const event = this.events[this.#indexAfter(offset - 1)];
    return event?.offset === offset ? event : undefined;
  }

  /** The events after one offset, up to and including another. */
  between(from: number, to: number): readonly LogEvent[] {
    return this.events.slice(this.#indexAfter(from), this.#indexAfter(to));
  }

  /** Whether a later event has the same key, so that mode `latest` may leave this one out. */
  isReplaced(event: LogEvent): boolean {
    for (let index = this.events.length - 1; index >= 0; index--) {
      const later = this.events[index] as LogEvent;
      if (later.offset <= event.offset) return false;
      if (later.key === event.key) return true;
    }
    return false;
  }

  toString(): string {
    return `${this.channel} ${formatCursor({ epoch: this.epoch, offset: this.#floor })} to ${this.#head}`;
  }

  #indexAfter(offset: number): number {
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle] as LogEvent).offset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function idOf(from: string | undefined, id: string): string {
  return `${from ?? ""} ${id}`;
}
