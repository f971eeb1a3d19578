import type { Cursor, GapReason } from "@holdfast/protocol";
import type { Broker, LogState, ReadLimits } from "../broker/port.ts";
import { Batch, EncodedEvent } from "./batch.ts";
import { conflate, stateBatches } from "./latest.ts";
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

export interface SharedReadsOptions {
  readonly broker: Broker;
  readonly mode: Mode;
  readonly pageLimits: ReadLimits;
  /** Is given what was read, once, before any of those who asked for it. */
  keep(batches: readonly Batch[]): void;
  /** Resolves when everything else that happens on this node has had its turn. */
  turn(): Promise<void>;
}

/** A page that somebody waits for. */
interface Wanted {
  readonly cursor: Cursor;
  readonly answer: PromiseWithResolvers<Answer>;
  isUnderWay: boolean;
}

/** Reads that are under way at once: one after the other would add up an engine's delays. */
const underWayMax = 4;

/**
 * Reads of one channel's log, in which readers that need the same page at the same time share one.
 *
 * Whoever is furthest behind is read for first, and a few pages in a turn. So readers that catch up together stay together, or come to be:
 * those ahead wait until the others ask for the same page, which then is read and encoded once for all of them.
 */
export class SharedReads {
  readonly #channel: string;
  readonly #options: SharedReadsOptions;
  /** By the cursor they start from. */
  readonly #wanted = new Map<string, Wanted>();
  #underWay = 0;

  constructor(channel: string, options: SharedReadsOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  /** What lies after the cursor; rejects as the broker does. */
  after(cursor: Cursor): Promise<Answer> {
    const key = `${cursor.epoch}-${cursor.offset}`;
    let wanted = this.#wanted.get(key);
    if (wanted === undefined) {
      wanted = { cursor, answer: Promise.withResolvers(), isUnderWay: false };
      this.#wanted.set(key, wanted);
      if (this.#underWay < underWayMax) void this.#serve();
    }
    return wanted.answer.promise;
  }

  /** Reads pages until none is wanted. Never rejects. */
  async #serve(): Promise<void> {
    this.#underWay++;
    for (let next = this.#furthestBehind(); next !== undefined; next = this.#furthestBehind()) {
      next.isUnderWay = true;
      const { cursor, answer } = next;
      const forget = () => this.#wanted.delete(`${cursor.epoch}-${cursor.offset}`);
      try {
        const page = await this.#read(cursor);
        forget();
        answer.resolve(page);
      } catch (error) {
        forget();
        answer.reject(error);
      }
      if (this.#wanted.size > 0) await this.#options.turn();
    }
    this.#underWay--;
  }

  #furthestBehind(): Wanted | undefined {
    let found: Wanted | undefined;
    for (const wanted of this.#wanted.values()) {
      if (wanted.isUnderWay) continue;
      if (found === undefined || wanted.cursor.offset < found.cursor.offset) found = wanted;
    }
    return found;
  }

  async #read(cursor: Cursor): Promise<Answer> {
    const { broker, mode } = this.#options;
    const skips = mode === "latest" && broker.capabilities.state;
    const answer = await (skips ? this.#newest(cursor) : this.#page(cursor));
    this.#options.keep(answer.batches);
    return answer;
  }

  async #page(after: Cursor): Promise<Answer> {
    const { broker, mode, pageLimits } = this.#options;
    const page = await broker.read(this.#channel, after, pageLimits);
    const { epoch, from, to } = page;
    const events = page.events.map((event) => new EncodedEvent(epoch, event));
    const kept = mode === "latest" ? conflate(events) : events;
    const batches = to > from ? [new Batch(this.#channel, epoch, from, to, kept)] : [];
    return { epoch, from, to, batches, gap: gapBefore(after, page) };
  }

  /** The state stands for everything before it, and outlives retention. Rule MODE-2. */
  async #newest(after: Cursor): Promise<Answer> {
    const state = await this.#options.broker.state(this.#channel);
    const known = state.epoch === after.epoch && after.offset <= state.to;
    if (known && after.offset >= state.truncatedAt) return this.#answer(state, after.offset, undefined);
    // A limit took keys of which the log may still have the newest event.
    const page = state.truncatedAt === 0 ? undefined : await this.#page(after);
    if (page?.epoch === state.epoch && page.from < state.truncatedAt) return page;
    return this.#answer(state, state.truncatedAt, known ? "limit" : "epoch");
  }

  #answer(state: LogState, from: number, gap: GapReason | undefined): Answer {
    const { epoch, to } = state;
    return {
      epoch,
      from,
      to,
      batches: stateBatches(this.#channel, state, from, this.#options.pageLimits),
      gap,
    };
  }
}
