import type { Cursor, Draft, GapReason, LogEvent } from "@holdfast/protocol";
import { HoldfastError } from "@holdfast/protocol";
import type { Appended } from "../broker/port.ts";
import type { Batch } from "./batch.ts";
import type { Hubs } from "./hubs.ts";
import type { Reader, Receiver } from "./reader.ts";

/** How long after the log could not be opened it is tried again. */
const retryMs = 1000;

export interface ControlLogOptions {
  readonly hubs: Hubs;
  readonly channel: string;
  /** Where a node begins to read: `oldest` where what was said before it started binds it too. */
  readonly start: "oldest" | "latest";
  /** How long a post may take to be read back, in ms. */
  readonly deadlineMs: number;
  /** Takes one thing that the log says, in its order. */
  take(event: LogEvent, epoch: string): void;
  /** Something was said that can no longer be read; with `epoch` the whole log is another one. */
  missed(reason: GapReason): void;
  /** Has read what there is. */
  arrived?(): void;
  /** The log could not be opened, which is tried again; it takes no more; or what it says could not be taken. */
  troubled(thrown: unknown): void;
  /** Runs once after `ms`, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
}

interface Wait {
  readonly cursor: Cursor;
  done(): void;
}

/**
 * What the nodes behind one broker tell each other, as a log that each of them follows. Rule REV-1.
 *
 * A node believes what it has read, and nothing else: also what it said itself counts only once it has come back.
 */
export class ControlLog implements Receiver {
  readonly full = false;
  readonly #options: ControlLogOptions;
  readonly #read = Promise.withResolvers<void>();
  readonly #waits = new Set<Wait>();
  #reader: Reader | undefined;
  #position: Cursor | undefined;
  #isRead = false;
  #isStopped = false;
  #hasFailed = false;
  #cancelRetry = () => {};

  constructor(options: ControlLogOptions) {
    this.#options = options;
  }

  /** The incarnation of the log that is being read. */
  get epoch(): string | undefined {
    return this.#position?.epoch;
  }

  /** Whether everything has been read that had been said when this node began to look. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Resolves when `isRead`; for as long as the log cannot be read it does not settle. */
  get read(): Promise<void> {
    return this.#read.promise;
  }

  /** Begins to follow the log, and tries again until that succeeds. Never rejects. */
  async begin(): Promise<void> {
    const { hubs, channel, start, troubled, after } = this.#options;
    try {
      await hubs.attach(channel, { after: start }, this, (reader) => this.#begun(reader));
    } catch (error) {
      if (this.#isStopped) return;
      // Said once: it is tried until it succeeds.
      if (!this.#hasFailed) troubled(error);
      this.#hasFailed = true;
      this.#cancelRetry = after(retryMs, () => void this.begin());
    }
  }

  #begun(reader: Reader): void {
    if (this.#isStopped) {
      reader.hub.detach(reader);
      return;
    }
    this.#reader = reader;
    this.#moveTo(reader.cursor);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRetry();
    this.#reader?.hub.detach(this.#reader);
  }

  /**
   * Says something to every node; resolves when this one has read it, which then holds here.
   *
   * Rejects as the broker does, and with `broker_unavailable` when it is not read back in time: it may hold nonetheless.
   */
  async post(drafts: readonly Draft[]): Promise<readonly Appended[]> {
    const { results } = await this.#options.hubs.publish(this.#options.channel, drafts);
    const last = results.at(-1);
    if (last !== undefined) await this.#reached(last.cursor);
    return results;
  }

  #hasReached({ epoch, offset }: Cursor): boolean {
    return this.#position?.epoch === epoch && this.#position.offset >= offset;
  }

  #reached(cursor: Cursor): Promise<void> {
    if (this.#hasReached(cursor)) return Promise.resolve();
    const { after, deadlineMs, channel } = this.#options;
    return new Promise((resolve, reject) => {
      const late = () => {
        this.#waits.delete(wait);
        reject(
          new HoldfastError(
            "broker_unavailable",
            `What was said in ${channel} did not come back in ${deadlineMs} ms.`,
          ),
        );
      };
      const cancel = after(deadlineMs, late);
      const done = () => {
        cancel();
        resolve();
      };
      const wait = { cursor, done };
      this.#waits.add(wait);
    });
  }

  #moveTo(cursor: Cursor): void {
    this.#position = cursor;
    for (const wait of this.#waits) {
      if (!this.#hasReached(wait.cursor)) continue;
      this.#waits.delete(wait);
      wait.done();
    }
  }

  deliver(_reader: Reader, { events, epoch, to }: Batch): void {
    for (const { event } of events) this.#take(event, epoch);
    this.#moveTo({ epoch, offset: to });
  }

  #take(event: LogEvent, epoch: string): void {
    try {
      this.#options.take(event, epoch);
    } catch (error) {
      // What cannot be taken must not keep the node from all that follows.
      this.#options.troubled(error);
    }
  }

  gap(_reader: Reader, _from: Cursor, to: Cursor, reason: GapReason): void {
    this.#options.missed(reason);
    this.#moveTo(to);
  }

  end(): void {
    this.#options.troubled(
      new HoldfastError(
        "channel_closed",
        `${this.#options.channel} was closed: nodes cannot tell each other anything.`,
      ),
    );
  }

  fellBehind(): void {}

  arrived(): void {
    if (!this.#isRead) {
      this.#isRead = true;
      this.#read.resolve();
    }
    this.#options.arrived?.();
  }
}
