import assert from "node:assert/strict";
import type { Broker, Following, LogBatch, LogObserver, LogRange } from "@holdfast/core/broker";
import type { LogEvent } from "@holdfast/protocol";

const catchUpLimits = { eventsMax: 1000, bytesMax: 1024 * 1024 };

/**
 * Follows a channel as a hub does: drops what it has already heard, and reads the log where it hears of a hole.
 * A broker may tell late, twice or with a hole; it may not tell anything untrue, nor leave the listener behind.
 */
export class Listener implements LogObserver {
  /** Every event after where following began. */
  readonly heard: LogEvent[] = [];
  /** Calls of `appended`, to see whether there are any. */
  notices = 0;
  /** The channel's end was told, and all before it was heard. */
  ended = false;
  /** What a rule does as a batch arrives, before the listener takes it. */
  onBatch: (batch: LogBatch) => void = () => {};

  readonly #broker: Broker;
  readonly #channel: string;
  readonly #deadlineMs: number;
  #following: Following | undefined;
  #head = 0;
  #ending = false;
  #reading: { again: boolean } | undefined;
  #fault: unknown;
  readonly #waiting = new Set<() => void>();

  static async open(broker: Broker, channel: string, deadlineMs: number): Promise<Listener> {
    const listener = new Listener(broker, channel, deadlineMs);
    const following = await broker.follow(channel, listener);
    listener.#following = following;
    listener.#head = following.range.head;
    // Whatever was told before this moment could not be placed.
    if (listener.notices > 0 || listener.#ending) listener.#read();
    return listener;
  }

  private constructor(broker: Broker, channel: string, deadlineMs: number) {
    this.#broker = broker;
    this.#channel = channel;
    this.#deadlineMs = deadlineMs;
  }

  /** The log as following began. */
  get start(): LogRange {
    assert.ok(this.#following);
    return this.#following.range;
  }

  stop(): void {
    this.#following?.stop();
  }

  appended(batch: LogBatch): void {
    this.notices++;
    this.onBatch(batch);
    if (this.#following === undefined || batch.to <= this.#head) return;
    if (this.ended) {
      this.#fail(broken(`events up to ${batch.to} after the end at ${this.#head}`));
    } else if (batch.from > this.#head || batch.epoch !== this.start.epoch || this.#reading !== undefined) {
      this.#read();
    } else {
      this.#take(batch);
      this.#changed();
    }
  }

  closed(): void {
    this.#ending = true;
    if (this.#following !== undefined) this.#read();
  }

  disturbed(): void {
    if (this.#following !== undefined) this.#read();
  }

  /** Waits until `done`, which is looked at whenever something was heard. */
  async until(what: string, done: () => boolean): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = () => {
      const state = `${this.heard.length} events heard, up to ${this.#head}`;
      this.#fail(broken(`${this.#deadlineMs} ms passed waiting until ${what}; ${state}`));
    };
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        if (this.#fault === undefined && !done()) return;
        this.#waiting.delete(look);
        if (this.#fault === undefined) resolve();
        else reject(this.#fault);
      };
      timer = setTimeout(tooLate, this.#deadlineMs);
      this.#waiting.add(look);
      look();
    }).finally(() => clearTimeout(timer));
  }

  untilHead(offset: number): Promise<void> {
    return this.until(`offset ${offset} is heard`, () => this.#head >= offset);
  }

  untilEnded(): Promise<void> {
    return this.until("the end is told", () => this.ended);
  }

  #take({ from, to, events }: LogBatch): void {
    let last = from;
    for (const event of events) {
      if (event.offset <= last || event.offset > to) {
        this.#fail(broken(`offset ${event.offset} after ${last} in a batch from ${from} to ${to}`));
      }
      last = event.offset;
      if (event.offset > this.#head) this.heard.push(event);
    }
    this.#head = to;
  }

  /** Reads from where the listener stands, and once more if something was told meanwhile. */
  #read(): void {
    if (this.#reading !== undefined) {
      this.#reading.again = true;
      return;
    }
    const reading = { again: true };
    this.#reading = reading;
    const run = async () => {
      while (reading.again) {
        reading.again = false;
        await this.#catchUp();
      }
      this.#reading = undefined;
      this.#changed();
    };
    run().catch((error: unknown) => this.#fail(error));
  }

  async #catchUp(): Promise<void> {
    for (;;) {
      const after = { epoch: this.start.epoch, offset: this.#head };
      const page = await this.#broker.read(this.#channel, after, catchUpLimits);
      assert.deepEqual({ epoch: page.epoch, offset: page.from }, after, "a follower meets a gap");
      this.#take(page);
      if (page.to < page.range.head) continue;
      if (this.#ending) assert.ok(page.range.closed, "the end is told of a log that is open");
      this.ended = this.#ending;
      return;
    }
  }

  #changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  #fail(error: unknown): void {
    this.#fault ??= error;
    this.#changed();
  }
}

function broken(message: string): Error {
  return new assert.AssertionError({ message });
}
