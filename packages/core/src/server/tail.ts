import type { ReadLimits } from "../broker/port.ts";
import { EncodedEvent } from "./batch.ts";

/** The recent end of a log, bounded in events and bytes. It holds every event after `from`, up to and including `to`. */
export class Tail {
  #from: number;
  #to: number;
  #events: EncodedEvent[] = [];
  /** Events before this index are trimmed; they are cut off in bulk, so that trimming costs O(1) an event. */
  #first = 0;
  #bytes = 0;
  readonly #bounds: ReadLimits;

  constructor(start: number, bounds: ReadLimits) {
    this.#from = start;
    this.#to = start;
    this.#bounds = bounds;
  }

  get from(): number {
    return this.#from;
  }

  get to(): number {
    return this.#to;
  }

  /** Payload bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#events.length - this.#first;
  }

  /** Takes the events after `to`; `to` may lie beyond the last of them where offsets are sparse. */
  push(events: readonly EncodedEvent[], to: number): void {
    for (const event of events) {
      this.#events.push(event);
      this.#bytes += event.payloadBytes;
    }
    this.#to = to;
    const { eventsMax, bytesMax } = this.#bounds;
    while (this.length > eventsMax || (this.#bytes > bytesMax && this.length > 1)) this.#trim();
    if (this.#first > 64 && this.#first > this.#events.length / 2) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }

  #trim(): void {
    const oldest = this.#events[this.#first];
    if (oldest === undefined) return;
    // The array is sliced later: until then the slot must not keep the event alive.
    this.#events[this.#first] = trimmed;
    this.#first++;
    this.#from = oldest.offset;
    this.#bytes -= oldest.payloadBytes;
  }

  /**
   * Takes the events after `from` that lie before those it holds, as far as there is room, newest first. They hold
   * every event up to where the tail begins, or reach into it.
   */
  extendBack(from: number, events: readonly EncodedEvent[]): void {
    const { eventsMax, bytesMax } = this.#bounds;
    const end = events.findLastIndex(({ offset }) => offset <= this.#from) + 1;
    let start = end;
    let bytes = this.#bytes;
    for (let event = events[start - 1]; event !== undefined; event = events[start - 1]) {
      bytes += event.payloadBytes;
      if (this.length + end - start === eventsMax || bytes > bytesMax) break;
      this.#bytes = bytes;
      start--;
    }
    this.#events = [...events.slice(start, end), ...this.#events.slice(this.#first)];
    this.#first = 0;
    this.#from = start === 0 ? Math.min(from, this.#from) : (events[start - 1]?.offset ?? this.#from);
  }

  /** The events after `offset`, within the limits, and how far they reach. `offset` lies between `from` and `to`. */
  after(offset: number, limits: ReadLimits): { events: readonly EncodedEvent[]; to: number } {
    const start = this.#search(offset);
    let end = start;
    let bytes = 0;
    for (let event = this.#events[end]; event !== undefined; event = this.#events[++end]) {
      bytes += event.payloadBytes;
      if (end - start === limits.eventsMax || (bytes > limits.bytesMax && end > start)) break;
    }
    const last = this.#events[end - 1];
    const whole = end === this.#events.length || last === undefined;
    return { events: this.#events.slice(start, end), to: whole ? this.#to : last.offset };
  }

  /** The index of the first event after `offset`. */
  #search(offset: number): number {
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const event = this.#events[middle];
      if (event !== undefined && event.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const trimmed = new EncodedEvent("", { offset: 0, at: 0, payload: { encoding: "json", text: "null" } });
