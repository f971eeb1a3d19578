import { HoldfastError } from "@holdfast/protocol";
import type { Broker, Following, LogBatch, LogPage, ReadLimits } from "../broker/port.ts";
import type { Cohort } from "./cohort.ts";
import type { Reader } from "./reader.ts";

/** Whom a follower follows a log for. */
export interface FollowerHost {
  readonly broker: Broker;
  readonly pageLimits: ReadLimits;
  /** There is something new to deliver. */
  moved(): void;
  /** Delivers what is known so far: another log begins. */
  flush(): void;
  /** The log is another one, or has lost what lay between: these were live, and stand where they stood. */
  restarted(stranded: readonly Reader[]): void;
  /** The log has been read to its head, which may be its end. */
  caughtUp(): void;
  /** The log could not be read. */
  troubled(thrown: unknown): void;
}

/** Keeps a hub's tail where its log is: by what it hears, and by reading where what it hears does not fit. Rule BEAT-3. */
export class Follower {
  readonly #channel: string;
  readonly #host: FollowerHost;
  readonly #cohort: Cohort;
  readonly #following: Following;
  #closed: boolean;
  #stopped = false;
  /** Defined while the log is being read; `again` asks for one more round. */
  #syncing: { again: boolean } | undefined;

  constructor(channel: string, host: FollowerHost, cohort: Cohort, following: Following) {
    this.#channel = channel;
    this.#host = host;
    this.#cohort = cohort;
    this.#following = following;
    this.#closed = following.range.closed;
  }

  /** The channel takes no more events, and its newest is known. */
  get isClosed(): boolean {
    return this.#closed;
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  stop(): void {
    this.#stopped = true;
    this.#following.stop();
  }

  appended(batch: LogBatch): void {
    const { head, epoch } = this.#cohort;
    if (batch.epoch === epoch && batch.from <= head) this.#take(batch);
    else this.resync();
  }

  /** Adds what a batch has beyond the head, which it reaches back to. */
  #take(batch: LogBatch): void {
    const { head } = this.#cohort;
    if (batch.to <= head || this.#stopped) return;
    this.#cohort.push(
      batch.from === head ? batch.events : batch.events.filter((event) => event.offset > head),
      batch.to,
    );
    this.#host.moved();
  }

  /** Compares where the hub is with where the log is, and reads what was missed. Never rejects. */
  async audit(): Promise<void> {
    const before = this.#cohort.head;
    try {
      const range = await this.#host.broker.range(this.#channel);
      const { epoch, head } = this.#cohort;
      // What was heard during the call is no contradiction.
      const agrees = range.epoch === epoch && range.head >= before && range.head <= head;
      if (!agrees || range.closed !== this.#closed) this.resync();
    } catch (error) {
      if (!this.#stopped) this.#host.troubled(error);
    }
  }

  /** Reads the log until the hub stands where it does. */
  resync(): void {
    if (this.#stopped) return;
    if (this.#syncing === undefined) void this.#sync();
    else this.#syncing.again = true;
  }

  async #sync(): Promise<void> {
    const round = { again: false };
    this.#syncing = round;
    try {
      do {
        round.again = false;
        await this.#catchUp();
      } while (round.again && !this.#stopped);
    } catch (error) {
      if (!this.#stopped) this.#host.troubled(error);
      return;
    } finally {
      this.#syncing = undefined;
    }
    if (!this.#stopped) this.#host.caughtUp();
  }

  async #catchUp(): Promise<void> {
    const { broker, pageLimits } = this.#host;
    for (;;) {
      const { epoch, head } = this.#cohort;
      const page = await broker.read(this.#channel, { epoch, offset: head }, pageLimits);
      if (this.#stopped) return;
      // A page that begins where nobody asked says that the cursor cannot be resumed, unless the rest was heard meanwhile.
      const continues = page.epoch === epoch && page.from >= head && page.from <= this.#cohort.head;
      if (continues) this.#take(page);
      else this.#restart(page);
      const { range } = page;
      this.#closed = range.closed && range.epoch === this.#cohort.epoch && range.head === this.#cohort.head;
      if (page.to >= range.head) return;
      if (page.to <= page.from) {
        throw new HoldfastError(
          "broker_unavailable",
          `The log of ${this.#channel} has more, but does not show it.`,
        );
      }
    }
  }

  #restart(page: LogPage): void {
    this.#host.flush();
    this.#host.restarted(this.#cohort.restart(page.epoch, page.from));
    this.#take(page);
  }
}
