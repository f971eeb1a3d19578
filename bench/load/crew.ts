import type { Dialect } from "./dialect.ts";
import { type Counts, Histogram } from "./histogram.ts";
import { Inflater } from "./inflater.ts";
import { type Crew, Reader } from "./reader.ts";
import { Tally } from "./tally.ts";

/** Readers that are alike. */
export interface Group {
  readonly channels: readonly string[];
  readonly readers: number;
}

export interface CrewSpec {
  readonly port: number;
  readonly payloadBytes: number;
  readonly groups: readonly Group[];
  /** Records how long after its time each event came. */
  readonly isTimed: boolean;
}

/** What a window of time has brought to the readers of one process. */
export interface Catch {
  readonly events: number;
  /** Events that did not come in time, and such as should not have come. */
  readonly lost: number;
  readonly surplus: number;
  readonly disordered: number;
  /** When the last event came, by `nowUs`. */
  readonly lastUs: number;
  /** Socket reads that brought events: fewer than events where they come several at a time. */
  readonly reads: number;
  /** All that was received, framing and compression included. */
  readonly bytes: number;
  readonly delays: Counts;
}

/** Connections that are being opened at a time: as many as a listening socket surely holds. */
const openingMax = 128;
/** How long opening one connection may take. */
const openTimeoutMs = 20_000;
const bufferBytes = 256 * 1024;

/** All readers of one load generator. */
export class ReaderCrew implements Crew {
  readonly dialect: Dialect;
  readonly port: number;
  readonly payloadBytes: number;
  readonly buffer = Buffer.allocUnsafeSlow(bufferBytes);
  readonly inflater = new Inflater();
  readonly #spec: CrewSpec;
  readonly #delays: Histogram | undefined;
  readonly #readers: Reader[] = [];
  /** How many events each reader had when the window began. */
  readonly #baselines = new Map<Reader, number>();
  readonly #opening = new Map<Reader, { resolve(): void; reject(error: Error): void }>();
  #failure: Error | undefined;
  #reads = 0;
  #lastUs = 0;
  /** Looks whether all is there; set while that is awaited. */
  #onRead: (() => void) | undefined;

  constructor(dialect: Dialect, spec: CrewSpec) {
    this.dialect = dialect;
    this.port = spec.port;
    this.payloadBytes = spec.payloadBytes;
    this.#spec = spec;
    this.#delays = spec.isTimed ? new Histogram() : undefined;
  }

  /** Opens all readers; rejects with the first failure. */
  async open(): Promise<void> {
    const queue = this.#spec.groups.flatMap(({ channels, readers }) =>
      Array.from({ length: readers }, () => channels),
    );
    const openNext = async (): Promise<void> => {
      for (let channels = queue.pop(); channels !== undefined; channels = queue.pop())
        await this.#openOne(channels);
    };
    await Promise.all(Array.from({ length: openingMax }, openNext));
  }

  async #openOne(channels: readonly string[]): Promise<void> {
    const tally = new Tally(this.payloadBytes, channels.length === 1, this.#delays);
    const reader = new Reader(this, channels, tally);
    this.#readers.push(reader);
    const timer = setTimeout(
      () => this.failed(reader, new Error("The server did not let a reader in.")),
      openTimeoutMs,
    );
    try {
      await new Promise<void>((resolve, reject) => this.#opening.set(reader, { resolve, reject }));
    } finally {
      clearTimeout(timer);
      this.#opening.delete(reader);
    }
  }

  live(reader: Reader): void {
    this.#opening.get(reader)?.resolve();
  }

  read(_reader: Reader, atUs: number): void {
    this.#reads++;
    this.#lastUs = atUs;
    this.#onRead?.();
  }

  failed(reader: Reader, why: Error): void {
    this.#failure ??= why;
    this.#opening.get(reader)?.reject(why);
    this.#onRead?.();
  }

  /** Begins a window. */
  begin(): void {
    for (const reader of this.#readers) this.#baselines.set(reader, reader.tally.events);
    for (const { tally } of this.#readers) {
      tally.disordered = 0;
      tally.bytes = 0;
    }
    this.#delays?.clear();
    this.#reads = 0;
    this.#lastUs = 0;
  }

  /** Resolves when every reader has had this many events of each of its channels, or when that takes too long. */
  async finish(eventsPerChannel: number, timeoutMs: number): Promise<Catch> {
    // The readers that had everything when it was last looked are not looked at again.
    let done = 0;
    await this.#until(timeoutMs, () => {
      for (; done < this.#readers.length; done++) {
        const reader = this.#readers[done];
        if (reader !== undefined && this.#missing(reader, eventsPerChannel) > 0) return false;
      }
      return true;
    });
    let lost = 0;
    let surplus = 0;
    for (const reader of this.#readers) {
      const missing = this.#missing(reader, eventsPerChannel);
      if (missing > 0) lost += missing;
      else surplus -= missing;
    }
    return { ...this.#caught(), lost, surplus };
  }

  /** Resolves when all readers together have had this many events, or when that takes too long. */
  async finishTogether(events: number, timeoutMs: number): Promise<Catch> {
    await this.#until(timeoutMs, () => this.#events >= events);
    const missing = events - this.#events;
    return { ...this.#caught(), lost: Math.max(0, missing), surplus: Math.max(0, -missing) };
  }

  #missing(reader: Reader, eventsPerChannel: number): number {
    return eventsPerChannel * reader.channels.length - this.#eventsOf(reader);
  }

  #eventsOf(reader: Reader): number {
    return reader.tally.events - (this.#baselines.get(reader) ?? 0);
  }

  get #events(): number {
    return this.#readers.reduce((events, reader) => events + this.#eventsOf(reader), 0);
  }

  #caught() {
    if (this.#failure !== undefined) throw this.#failure;
    const disordered = this.#readers.reduce((count, { tally }) => count + tally.disordered, 0);
    const bytes = this.#readers.reduce((sum, { tally }) => sum + tally.bytes, 0);
    const delays = this.#delays?.counts ?? [];
    return { events: this.#events, bytes, disordered, lastUs: this.#lastUs, reads: this.#reads, delays };
  }

  async #until(timeoutMs: number, isComplete: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onRead = () => {
      if (isComplete() || this.#failure !== undefined) resolve();
    };
    this.#onRead();
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
    this.#onRead = undefined;
  }

  leave(): void {
    for (const reader of this.#readers) reader.leave();
  }
}
