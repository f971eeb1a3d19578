import type { Cursor, GapReason } from "@holdfast/protocol";
import type { Broker, Following, LogBatch, LogObserver, LogPage, ReadLimits } from "../broker/port.ts";
import { Batch, EncodedEvent } from "./batch.ts";
import { conflate, stateBatches } from "./latest.ts";
import { gapBefore } from "./page.ts";
import type { Reader } from "./reader.ts";
import type { NamespaceSettings } from "./settings.ts";
import { Tail } from "./tail.ts";

/** What a hub needs of the node it is part of. */
export interface HubHost {
  readonly broker: Broker;
  readonly settings: NamespaceSettings;
  readonly limits: ReadLimits;
  /** Asks for `flush` at the end of this tick. */
  dirty(hub: Hub): void;
  /** Asks for `resync` soon: the log could not be read, or contradicted itself. */
  troubled(hub: Hub): void;
  /** The last reader has left. */
  idle(hub: Hub): void;
}

/** What the broker has for a reader: batches that follow each other from `from`. */
interface Answer {
  readonly epoch: string;
  readonly from: number;
  readonly batches: readonly Batch[];
  readonly to: number;
  /** The log's head when it answered. */
  readonly head: number;
  /** Why `from` is not where the reader stands, if it is not. */
  gap(reader: Cursor): GapReason | undefined;
}

/** One node's view of a channel: a bounded tail of recent events, already encoded, and the readers on it. */
export class Hub implements LogObserver {
  readonly channel: string;
  readonly #host: HubHost;
  #following: Following | undefined;
  #epoch = "";
  #tail: Tail;
  /** Where all live readers stand: the head as of the last flush. */
  #front = 0;
  #closed = false;
  #stopped = false;
  readonly #live = new Set<Reader>();
  /** Readers that know of a position the hub has not reached. */
  readonly #waiting = new Set<Reader>();
  #readers = 0;
  #dirty = false;
  /** While a batch goes out, readers that want to be pumped are kept for afterwards: they must not join the cohort in the middle. */
  #delivering = false;
  #deferred: Reader[] = [];
  /** Defined while the log is being read to catch up with it; `again` asks for one more round. */
  #syncing: { again: boolean } | undefined;
  /** Broker reads under way, by where they start: readers that need the same page share it. */
  readonly #answers = new Map<string, Promise<Answer>>();
  /** Batches cut for readers that are behind, by where they start; they are dropped when the front moves. */
  readonly #cuts = new Map<number, Batch>();

  constructor(channel: string, host: HubHost) {
    this.channel = channel;
    this.#host = host;
    this.#tail = this.#newTail(0);
  }

  // --- what it knows ----------------------------------------------------------------------------

  get head(): Cursor {
    return { epoch: this.#epoch, offset: this.#tail.to };
  }

  get front(): Cursor {
    return { epoch: this.#epoch, offset: this.#front };
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get readers(): number {
    return this.#readers;
  }

  get tailEvents(): number {
    return this.#tail.length;
  }

  get tailBytes(): number {
    return this.#tail.bytes;
  }

  /** Begins to follow the log; rejects as the broker does. */
  async open(): Promise<void> {
    const following = await this.#host.broker.follow(this.channel, this);
    if (this.#stopped) {
      following.stop();
      return;
    }
    const { range } = following;
    this.#following = following;
    this.#epoch = range.epoch;
    this.#tail = this.#newTail(range.head);
    this.#front = range.head;
    this.#closed = range.closed;
    // What was heard before this moment could not be placed.
    if (this.#syncing?.again === true) {
      this.#syncing = undefined;
      this.resync();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#following?.stop();
  }

  // --- readers ----------------------------------------------------------------------------------

  attach(reader: Reader): void {
    this.#readers++;
    this.pump(reader);
  }

  detach(reader: Reader): void {
    if (reader.state === "done") return;
    this.#live.delete(reader);
    this.#waiting.delete(reader);
    reader.state = "done";
    this.#readers--;
    if (this.#readers === 0) this.#host.idle(this);
  }

  /** Moves a reader that is behind as far as its receiver takes it. */
  pump(reader: Reader): void {
    if (reader.state !== "behind") return;
    if (this.#delivering) {
      this.#deferred.push(reader);
      return;
    }
    this.flush();
    // A receiver may detach the reader while it is given something.
    while (stateOf(reader) === "behind") {
      if (reader.receiver.full) {
        reader.receiver.fellBehind(reader);
        return;
      }
      if (!this.#step(reader)) return;
    }
  }

  /** One step of `pump`; false when the reader has to wait or has arrived. */
  #step(reader: Reader): boolean {
    const { offset } = reader;
    const here = reader.epoch === this.#epoch;
    if (here && offset === this.#front) {
      this.#arrive(reader);
      return false;
    }
    const { maxLag } = this.#host.settings;
    if (here && maxLag > 0 && this.#front - offset > maxLag) {
      this.#skip(reader, this.front, "slow");
      return true;
    }
    if (here && offset >= this.#tail.from && offset < this.#front) {
      const batch = this.#cut(offset);
      reader.moveTo(this.#epoch, batch.to);
      reader.receiver.deliver(reader, batch);
      return true;
    }
    void this.#ask(reader);
    return false;
  }

  #arrive(reader: Reader): void {
    reader.state = "live";
    if (this.#closed) this.#end(reader);
    else this.#live.add(reader);
  }

  #end(reader: Reader): void {
    reader.moveTo(this.#epoch, this.#front);
    this.detach(reader);
    reader.receiver.end(reader);
  }

  #skip(reader: Reader, to: Cursor, reason: GapReason): void {
    const from = reader.cursor;
    reader.moveTo(to.epoch, to.offset);
    reader.receiver.gap(reader, from, to, reason);
  }

  // --- the log grows ----------------------------------------------------------------------------

  appended(batch: LogBatch): void {
    if (this.#following === undefined) {
      this.#syncing = { again: true };
      return;
    }
    if (!this.#take(batch)) this.resync();
  }

  /** Whether all of it has been heard is for the log to say. */
  closed(): void {
    this.disturbed();
  }

  disturbed(): void {
    if (this.#following === undefined) this.#syncing = { again: true };
    else this.resync();
  }

  /** Adds what a batch has beyond the head; false when it does not reach the head without a hole. */
  #take(batch: LogBatch): boolean {
    const head = this.#tail.to;
    if (batch.epoch !== this.#epoch || batch.from > head) return false;
    if (batch.to <= head) return true;
    const fresh = batch.from === head ? batch.events : batch.events.filter((event) => event.offset > head);
    this.#tail.push(this.#epoch, fresh, batch.to);
    this.#markDirty();
    return true;
  }

  #markDirty(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#host.dirty(this);
  }

  /** Delivers what came since the last flush to all live readers: one batch, built once. */
  flush(): void {
    if (this.#delivering) return;
    this.#dirty = false;
    if (this.#front < this.#tail.to) {
      this.#cuts.clear();
      // A burst larger than the tail has pushed the front out of it.
      if (this.#front < this.#tail.from) this.#strand();
      while (this.#front < this.#tail.to) this.#deliver(this.#cut(this.#front));
      this.#cuts.clear();
    }
    if (this.#closed) for (const reader of this.#live) this.#end(reader);
  }

  #deliver(batch: Batch): void {
    const from = this.#front;
    this.#front = batch.to;
    this.#delivering = true;
    for (const reader of this.#live) {
      const { receiver } = reader;
      if (receiver.full) {
        this.#live.delete(reader);
        reader.moveTo(this.#epoch, from);
        reader.state = "behind";
        receiver.fellBehind(reader);
      } else {
        receiver.deliver(reader, batch);
      }
    }
    this.#delivering = false;
    if (this.#deferred.length === 0) return;
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const reader of deferred) this.pump(reader);
  }

  /** Every live reader reads on by itself, from where the front is; the front then moves to the head. */
  #strand(): void {
    const stranded = [...this.#live];
    this.#live.clear();
    for (const reader of stranded) {
      reader.moveTo(this.#epoch, this.#front);
      reader.state = "behind";
    }
    this.#front = this.#tail.to;
    for (const reader of stranded) this.pump(reader);
  }

  #cut(from: number): Batch {
    let batch = this.#cuts.get(from);
    if (batch === undefined) {
      const { events, to } = this.#tail.after(from, this.#host.limits);
      batch = this.#batch(this.#epoch, from, to, events);
      this.#cuts.set(from, batch);
    }
    return batch;
  }

  #batch(epoch: string, from: number, to: number, events: readonly EncodedEvent[]): Batch {
    const kept = this.#host.settings.mode === "latest" ? conflate(events) : events;
    return new Batch(this.channel, epoch, from, to, kept);
  }

  // --- reading the log --------------------------------------------------------------------------

  async #ask(reader: Reader): Promise<void> {
    reader.state = "paging";
    const asked = reader.cursor;
    try {
      const answer = await this.#answerFor(asked);
      if (stateOf(reader) === "paging") this.#answered(reader, answer);
    } catch {
      // The broker cannot be read now: the reader stays, and is told nothing false.
      if (stateOf(reader) !== "paging") return;
      this.#wait(reader);
      this.#host.troubled(this);
    }
  }

  #answerFor(after: Cursor): Promise<Answer> {
    const key = `${after.epoch}-${after.offset}`;
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      answer = this.#host.settings.mode === "latest" ? this.#readState(after) : this.#readPage(after);
      this.#answers.set(key, answer);
      const forget = () => this.#answers.delete(key);
      answer.then(forget, forget);
    }
    return answer;
  }

  async #readPage(after: Cursor): Promise<Answer> {
    const page = await this.#host.broker.read(this.channel, after, this.#host.limits);
    const { epoch, from, to, range } = page;
    const events = page.events.map((event) => new EncodedEvent(epoch, event));
    const batches = to > from ? [this.#batch(epoch, from, to, events)] : [];
    return { epoch, from, to, batches, head: range.head, gap: (reader) => gapBefore(reader, page) };
  }

  /** In mode `latest` the state stands for everything before it, and outlives retention. */
  async #readState(after: Cursor): Promise<Answer> {
    const state = await this.#host.broker.state(this.channel);
    const known = state.epoch === after.epoch && after.offset <= state.to;
    const from = Math.max(known ? after.offset : 0, state.truncatedAt);
    const batches = stateBatches(this.channel, state, from, this.#host.limits);
    const gap = (): GapReason | undefined => {
      if (!known) return "epoch";
      return from === after.offset ? undefined : "limit";
    };
    return { epoch: state.epoch, from, to: state.to, batches, head: state.to, gap };
  }

  #answered(reader: Reader, answer: Answer): void {
    reader.state = "behind";
    // Asked again when there is room: the page is not kept for it.
    if (reader.receiver.full) return reader.receiver.fellBehind(reader);
    const reason = answer.gap(reader.cursor);
    const before = reader.offset;
    if (reason !== undefined) this.#skip(reader, { epoch: answer.epoch, offset: answer.from }, reason);
    for (const batch of answer.batches) {
      if (stateOf(reader) !== "behind") return;
      if (reader.receiver.full) return reader.receiver.fellBehind(reader);
      reader.moveTo(answer.epoch, batch.to);
      reader.receiver.deliver(reader, batch);
    }
    if (stateOf(reader) !== "behind") return;
    this.flush();
    if (answer.epoch !== this.#epoch || answer.to > this.#front) {
      // The log knows more than this hub has heard.
      this.#wait(reader);
      this.resync();
    } else if (reason === undefined && reader.offset === before) {
      // The log does not show what this hub has seen already: ask again when it has settled.
      this.#wait(reader);
      this.#host.troubled(this);
    } else {
      this.pump(reader);
    }
  }

  #wait(reader: Reader): void {
    reader.state = "waiting";
    this.#waiting.add(reader);
  }

  /** Reads the log from the hub's head, until the hub stands where the log does. Rule BEAT-3. */
  resync(): void {
    if (this.#stopped) return;
    if (this.#syncing !== undefined) {
      this.#syncing.again = true;
      return;
    }
    void this.#sync();
  }

  async #sync(): Promise<void> {
    const round = { again: false };
    this.#syncing = round;
    try {
      do {
        round.again = false;
        await this.#catchUp();
      } while (round.again && !this.#stopped);
    } catch {
      this.#syncing = undefined;
      if (!this.#stopped) this.#host.troubled(this);
      return;
    }
    this.#syncing = undefined;
    if (this.#stopped) return;
    this.flush();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reader of waiting) {
      reader.state = "behind";
      this.pump(reader);
    }
  }

  async #catchUp(): Promise<void> {
    for (;;) {
      const page = await this.#host.broker.read(this.channel, this.head, this.#host.limits);
      if (this.#stopped) return;
      if (!this.#take(page)) this.#restart(page);
      this.#closed = page.range.closed && page.range.head === this.#tail.to;
      if (this.#closed) this.#markDirty();
      if (page.to >= page.range.head) return;
    }
  }

  /** The log is another one, or has lost what lay between: every reader reads on by itself, and is told the gap. */
  #restart(page: LogPage): void {
    this.flush();
    const stranded = [...this.#live];
    this.#live.clear();
    for (const reader of stranded) {
      reader.moveTo(this.#epoch, this.#front);
      reader.state = "waiting";
      this.#waiting.add(reader);
    }
    this.#epoch = page.epoch;
    this.#tail = this.#newTail(page.from);
    this.#cuts.clear();
    this.#tail.push(page.epoch, page.events, page.to);
    this.#front = page.to;
  }

  #newTail(start: number): Tail {
    const { tailEventsMax, tailBytesMax } = this.#host.settings;
    return new Tail(start, { eventsMax: tailEventsMax, bytesMax: tailBytesMax });
  }
}

/** Reads the state anew: a receiver that was called in between may have changed it, which the compiler cannot see. */
function stateOf(reader: Reader): Reader["state"] {
  return reader.state;
}
