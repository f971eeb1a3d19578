import type { Cursor, Draft, LogEvent, Position } from "@holdfast/protocol";
import type { LogBatch, LogObserver, LogPage, LogRange, LogState, ReadLimits } from "../broker/port.ts";

/** A log that a test writes, trims, loses and recreates as it likes, and that tells its observers what the test lets through. */
export class ScriptedLog {
  readonly observers = new Set<LogObserver>();
  /** How far one offset lies from the next. */
  stride = 1;
  /** Keys beyond this number are removed from the state, the one replaced longest ago first. */
  stateKeysMax = Number.POSITIVE_INFINITY;
  /** Passes a notice on to the observers: at once, unless a test keeps, repeats or drops it. */
  route: (tell: () => void) => void = (tell) => tell();
  /** Everything that was ever in it, by epoch. */
  readonly history = new Map<string, LogEvent[]>();
  #epoch = "";
  #floor = 0;
  #head = 0;
  #closed = false;
  #truncatedAt = 0;
  #at = 0;

  constructor(epoch: string) {
    this.recreate(epoch);
  }

  get range(): LogRange {
    return { epoch: this.#epoch, floor: this.#floor, head: this.#head, closed: this.#closed };
  }

  get head(): Cursor {
    return { epoch: this.#epoch, offset: this.#head };
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Everything that was ever in the present epoch. */
  get #events(): LogEvent[] {
    return this.history.get(this.#epoch) ?? [];
  }

  append(...drafts: readonly Draft[]): LogBatch {
    const from = this.#head;
    const events = drafts.map((draft) => {
      this.#head += this.stride;
      return { ...draft, offset: this.#head, at: ++this.#at };
    });
    for (const event of events) this.#events.push(event);
    this.#limitState();
    const batch = { epoch: this.#epoch, from, to: this.#head, events };
    this.route(() => this.tell(batch));
    return batch;
  }

  tell(batch: LogBatch): void {
    for (const observer of this.observers) observer.appended(batch);
  }

  close(): void {
    this.#closed = true;
    this.route(() => {
      for (const observer of this.observers) observer.closed();
    });
  }

  disturb(): void {
    for (const observer of this.observers) observer.disturbed();
  }

  /** Retention removes what lies at or before an offset. */
  trim(offset: number): void {
    this.#floor = Math.max(this.#floor, Math.min(offset, this.#head));
  }

  /** The log is lost, and another one begins. Nobody is told. */
  recreate(epoch: string): void {
    this.#epoch = epoch;
    this.history.set(epoch, []);
    this.#floor = 0;
    this.#head = 0;
    this.#closed = false;
    this.#truncatedAt = 0;
  }

  /** The newest events are lost, and the log does not know it: what a failover may do. */
  loseAfter(offset: number): void {
    this.history.set(
      this.#epoch,
      this.#events.filter((event) => event.offset <= offset),
    );
    this.#head = offset;
  }

  read(after: Position, limits: ReadLimits): LogPage {
    const from = this.#start(after);
    const events: LogEvent[] = [];
    let bytes = 0;
    for (const event of this.#events) {
      if (event.offset <= from) continue;
      bytes += sizeOf(event);
      if (events.length === limits.eventsMax || (events.length > 0 && bytes > limits.bytesMax)) break;
      events.push(event);
    }
    const last = events.at(-1)?.offset ?? from;
    const whole = this.#events.every((event) => event.offset <= last);
    return {
      epoch: this.#epoch,
      from,
      to: whole ? Math.max(this.#head, from) : last,
      events,
      range: this.range,
    };
  }

  #start(after: Position): number {
    if (after === "latest") return this.#head;
    if (after === "oldest") return this.#floor;
    const known = after.epoch === this.#epoch && after.offset <= this.#head;
    return known ? Math.max(after.offset, this.#floor) : this.#floor;
  }

  before(count: number): LogRange & { readonly at: number } {
    const kept = this.#events.filter((event) => event.offset > this.#floor);
    const at = count >= kept.length ? this.#floor : (kept.at(-count - 1)?.offset ?? this.#floor);
    return { ...this.range, at: count === 0 ? this.#head : at };
  }

  state(): LogState {
    const events = this.#newest().filter((event) => event.offset > this.#truncatedAt);
    return { epoch: this.#epoch, to: this.#head, events, truncatedAt: this.#truncatedAt };
  }

  /** The newest event of each key, in the order of the log. */
  #newest(): LogEvent[] {
    const newest = new Map<string, LogEvent>();
    for (const event of this.#events) newest.set(event.key ?? "", event);
    return this.#events.filter((event) => newest.get(event.key ?? "") === event);
  }

  #limitState(): void {
    if (this.stateKeysMax === Number.POSITIVE_INFINITY) return;
    const newest = this.#newest().filter((event) => event.offset > this.#truncatedAt);
    const dropped = newest[newest.length - this.stateKeysMax - 1];
    if (dropped !== undefined) this.#truncatedAt = dropped.offset;
  }
}

function sizeOf({ payload }: Draft): number {
  return payload.encoding === "base64" ? payload.bytes.length : payload.text.length;
}
