import type { Cursor, LogEvent } from "@holdfast/protocol";
import type { ReadLimits } from "../broker/port.ts";
import { Batch, EncodedEvent } from "./batch.ts";
import { conflate } from "./latest.ts";
import type { Reader } from "./reader.ts";
import { RecentBatches } from "./recent-batches.ts";
import type { NamespaceSettings } from "./settings.ts";
import { Tail } from "./tail.ts";

/** Told once of each batch that went out to those at the front: to so many of them. */
export type Delivered = (batch: Batch, readers: number) => void;

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
  readonly #recent: RecentBatches;
  readonly #delivered: Delivered;

  constructor(
    channel: string,
    settings: NamespaceSettings,
    limits: ReadLimits,
    start: Cursor,
    delivered: Delivered = () => {},
  ) {
    this.#delivered = delivered;
    this.#channel = channel;
    this.#settings = settings;
    this.#limits = limits;
    this.#epoch = start.epoch;
    this.#front = start.offset;
    this.#tail = this.#newTail(start.offset);
    this.#recent = new RecentBatches(limits);
  }

  get epoch(): string {
    return this.#epoch;
  }

  /** The offset at which every live reader stands. */
  get front(): number {
    return this.#front;
  }

  /** The newest offset that is known. */
  get head(): number {
    return this.#tail.to;
  }

  get tailEvents(): number {
    return this.#tail.length;
  }

  /** Bytes in memory: payloads in the tail, and batches kept for readers that lag. */
  get bytes(): number {
    return this.#tail.bytes + this.#recent.bytes;
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
    this.#tail.push(
      events.map((event) => new EncodedEvent(this.#epoch, event)),
      to,
    );
  }

  /** Brings every live reader to the head, each batch built once; returns readers that must read on by themselves. */
  advance(): readonly Reader[] {
    if (this.#live.size === 0) this.#front = this.#tail.to;
    if (this.#front === this.#tail.to) return none;
    this.#advancing = true;
    let stranded = none;
    // A receiver may cause appends while it is given something, so each round looks anew.
    while (this.#front < this.#tail.to) {
      // A burst larger than the tail has pushed the front out of it.
      if (this.#front < this.#tail.from) stranded = [...stranded, ...this.#strand()];
      else this.#deliver(this.#cut(this.#front));
    }
    this.#advancing = false;
    return stranded;
  }

  #deliver(batch: Batch): void {
    const from = this.#front;
    this.#front = batch.to;
    let readers = 0;
    for (const reader of this.#live) {
      const { receiver } = reader;
      if (receiver.full) {
        this.#dismiss(reader, from);
        receiver.fellBehind(reader);
      } else {
        receiver.deliver(reader, batch);
        readers++;
      }
    }
    if (readers > 0) this.#delivered(batch, readers);
  }

  /** A live reader goes behind, at the offset it stands at. */
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

  /** Lets the live readers go that are full, and so cannot be told that the channel ends. */
  dismissFull(): void {
    for (const reader of this.#live) {
      if (!reader.receiver.full) continue;
      this.#dismiss(reader, this.#front);
      reader.receiver.fellBehind(reader);
    }
  }

  /** What follows an offset behind the front, as a batch that readers at that offset share, if it is in memory. */
  after(offset: number): Batch | undefined {
    if (offset < this.#front && offset >= this.#tail.from)
      return this.#recent.get(offset) ?? this.#keepCut(offset);
    return this.#recent.get(offset);
  }

  #keepCut(from: number): Batch {
    const batch = this.#cut(from);
    this.#recent.add(batch);
    return batch;
  }

  #cut(from: number): Batch {
    const { events, to } = this.#tail.after(from, this.#limits);
    const kept = this.#settings.mode === "latest" ? conflate(events) : events;
    return new Batch(this.#channel, this.#epoch, from, to, kept);
  }

  /** Keeps what was read of the log for readers that come to the same place, or near to it. */
  keep(batches: readonly Batch[]): void {
    for (const batch of batches) {
      if (batch.epoch !== this.#epoch) return;
      this.#recent.add(batch);
      const touches = batch.from < this.#tail.from && batch.to >= this.#tail.from;
      // A state leaves events out, and the tail holds every one.
      if (touches && this.#settings.mode === "every") this.#tail.extendBack(batch.from, batch.events);
    }
  }

  /** Gives back what only readers that lag would still need; they find it in the log. */
  forgetRecent(): void {
    this.#recent.clear();
  }

  /** Goes on at another place, or in another log; returns the readers that were live, which stand where they stood. */
  restart(epoch: string, offset: number): readonly Reader[] {
    const stranded = this.#strand();
    this.#recent.clear();
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

const none: readonly Reader[] = [];
