import type { LogEvent } from "@holdfast/protocol";
import type { ReadLimits } from "../broker/port.ts";
import { Batch } from "./batch.ts";
import { conflate } from "./latest.ts";
import type { Reader } from "./reader.ts";
import type { NamespaceSettings } from "./settings.ts";
import { Tail } from "./tail.ts";

/** The readers that stand at the front of a channel, and the tail of the log that they are given from. */
export class Cohort {
  readonly #channel: string;
  readonly #settings: NamespaceSettings;
  readonly #limits: ReadLimits;
  readonly #live = new Set<Reader>();
  #epoch: string;
  #tail: Tail;
  #front: number;
  #advancing = false;
  /** Batches cut from the tail, by where they start, for as long as the front stays. */
  readonly #cuts = new Map<number, Batch>();

  constructor(
    channel: string,
    settings: NamespaceSettings,
    limits: ReadLimits,
    start: { epoch: string; offset: number },
  ) {
    this.#channel = channel;
    this.#settings = settings;
    this.#limits = limits;
    this.#epoch = start.epoch;
    this.#front = start.offset;
    this.#tail = this.#newTail(start.offset);
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** The offset at which every live reader stands. */
  get front(): number {
    return this.#front;
  }

  get head(): number {
    return this.#tail.to;
  }

  get tailEvents(): number {
    return this.#tail.length;
  }

  get tailBytes(): number {
    return this.#tail.bytes;
  }

  get live(): ReadonlySet<Reader> {
    return this.#live;
  }

  /** A batch is going out: readers must not join the cohort before it is through. */
  get advancing(): boolean {
    return this.#advancing;
  }

  join(reader: Reader): void {
    reader.state = "live";
    this.#live.add(reader);
  }

  leave(reader: Reader): void {
    this.#live.delete(reader);
  }

  /** Adds events that follow the head. */
  push(events: readonly LogEvent[], to: number): void {
    this.#tail.push(this.#epoch, events, to);
  }

  /** The tail reaches back to this offset. */
  holds(offset: number): boolean {
    return offset >= this.#tail.from && offset < this.#front;
  }

  /** Brings every live reader to the head, each batch built once; returns readers that must read on by themselves. */
  advance(): readonly Reader[] {
    if (this.#front === this.#tail.to) return [];
    this.#cuts.clear();
    // A burst larger than the tail has pushed the front out of it.
    const stranded = this.#front < this.#tail.from ? this.#strand() : [];
    this.#advancing = true;
    while (this.#front < this.#tail.to) this.#deliver(this.cut(this.#front));
    this.#advancing = false;
    this.#cuts.clear();
    return stranded;
  }

  #deliver(batch: Batch): void {
    const from = this.#front;
    this.#front = batch.to;
    for (const reader of this.#live) {
      const { receiver } = reader;
      if (receiver.full) {
        this.#dismiss(reader, from);
        receiver.fellBehind(reader);
      } else {
        receiver.deliver(reader, batch);
      }
    }
  }

  #dismiss(reader: Reader, offset: number): void {
    this.#live.delete(reader);
    reader.moveTo(this.#epoch, offset);
    reader.state = "behind";
  }

  #strand(): readonly Reader[] {
    const stranded = [...this.#live];
    for (const reader of stranded) this.#dismiss(reader, this.#front);
    this.#front = this.#tail.to;
    return stranded;
  }

  /** The events after an offset that the tail holds, within the limits, as a batch that readers at that offset share. */
  cut(from: number): Batch {
    let batch = this.#cuts.get(from);
    if (batch === undefined) {
      const { events, to } = this.#tail.after(from, this.#limits);
      const kept = this.#settings.mode === "latest" ? conflate(events) : events;
      batch = new Batch(this.#channel, this.#epoch, from, to, kept);
      this.#cuts.set(from, batch);
    }
    return batch;
  }

  /** Goes on at another place, or in another log; returns the readers that were live, which stand where they stood. */
  restart(epoch: string, offset: number): readonly Reader[] {
    const stranded = this.#strand();
    this.#cuts.clear();
    this.#epoch = epoch;
    this.#front = offset;
    this.#tail = this.#newTail(offset);
    return stranded;
  }

  #newTail(start: number): Tail {
    const { tailEventsMax, tailBytesMax } = this.#settings;
    return new Tail(start, { eventsMax: tailEventsMax, bytesMax: tailBytesMax });
  }
}
