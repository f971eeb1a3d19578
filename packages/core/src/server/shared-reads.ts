import type { Cursor, GapReason } from "@holdfast/protocol";
import type { Broker, ReadLimits } from "../broker/port.ts";
import { Batch, EncodedEvent } from "./batch.ts";
import { stateBatches } from "./latest.ts";
import { gapBefore } from "./page.ts";
import type { Mode } from "./settings.ts";

/** What the log has for a reader: batches that follow each other from `from`. */
export interface Answer {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly batches: readonly Batch[];
  /** Why `from` is not the cursor asked for, if it is not. */
  readonly gap: GapReason | undefined;
}

/** Reads of one channel's log, in which readers that need the same page at the same time share one. */
export class SharedReads {
  readonly #channel: string;
  readonly #broker: Broker;
  readonly #mode: Mode;
  readonly #limits: ReadLimits;
  /** Reads under way, by the cursor they start from. */
  readonly #answers = new Map<string, Promise<Answer>>();

  constructor(channel: string, broker: Broker, mode: Mode, limits: ReadLimits) {
    this.#channel = channel;
    this.#broker = broker;
    this.#mode = mode;
    this.#limits = limits;
  }

  /** What lies after the cursor; rejects as the broker does. */
  after(cursor: Cursor): Promise<Answer> {
    const key = `${cursor.epoch}-${cursor.offset}`;
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      answer = this.#mode === "latest" ? this.#state(cursor) : this.#page(cursor);
      this.#answers.set(key, answer);
      const forget = () => this.#answers.delete(key);
      answer.then(forget, forget);
    }
    return answer;
  }

  async #page(after: Cursor): Promise<Answer> {
    const page = await this.#broker.read(this.#channel, after, this.#limits);
    const { epoch, from, to } = page;
    const events = page.events.map((event) => new EncodedEvent(epoch, event));
    const batches = to > from ? [new Batch(this.#channel, epoch, from, to, events)] : [];
    return { epoch, from, to, batches, gap: gapBefore(after, page) };
  }

  /** In mode `latest` the state stands for everything before it, and outlives retention. Rule MODE-2. */
  async #state(after: Cursor): Promise<Answer> {
    const state = await this.#broker.state(this.#channel);
    const known = state.epoch === after.epoch && after.offset <= state.to;
    const from = Math.max(known ? after.offset : 0, state.truncatedAt);
    const batches = stateBatches(this.#channel, state, from, this.#limits);
    const moved = from === after.offset ? undefined : "limit";
    return { epoch: state.epoch, from, to: state.to, batches, gap: known ? moved : "epoch" };
  }
}
