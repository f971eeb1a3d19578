import {
  type AppendResult,
  type Following,
  type LogBatch,
  type LogObserver,
  type LogPage,
  type LogRange,
  type LogState,
  MemoryBroker,
  type ReadLimits,
  type Retention,
} from "@holdfast/core/broker";
import type { Cursor, Draft, LogEvent, Position } from "@holdfast/protocol";
import type { Checker } from "../history/checker.ts";
import { TruthLog } from "../history/truth-log.ts";
import type { Timeline } from "./timeline.ts";

export interface LogEngineOptions {
  readonly retention: Retention;
  /** How far an offset lies from the next: above 1 they are sparse, as some engines have them. */
  readonly stride: number;
}

/** What nodes ask of the engine. */
export type Engine = Pick<LogEngine, keyof LogEngine>;

/**
 * The one engine behind all nodes: the memory broker, with its offsets spread out, whose every append is written down
 * for the checker and compared with what such an engine must answer.
 */
export class LogEngine {
  readonly #timeline: Timeline;
  readonly #checker: Checker;
  readonly #options: LogEngineOptions;
  #incarnation = 0;
  #broker: MemoryBroker;
  #channels = new Set<string>();
  #observers = new Set<LogObserver>();

  constructor(timeline: Timeline, checker: Checker, options: LogEngineOptions) {
    this.#timeline = timeline;
    this.#checker = checker;
    this.#options = options;
    this.#broker = this.#start();
  }

  #start(): MemoryBroker {
    return new MemoryBroker({
      clock: { now: () => this.#timeline.now },
      epochSeed: `log${String(this.#incarnation).padStart(3, "0")}`,
      retention: () => this.#options.retention,
      observerFailed: (error) => this.#checker.fail("BND", `an observer of the log threw ${String(error)}`),
    });
  }

  /** Everything is lost: the logs that come after it are others. Returns those who followed, who hear nothing any more. */
  lose(): readonly LogObserver[] {
    this.#incarnation++;
    this.#channels.clear();
    void this.#broker.stop();
    this.#broker = this.#start();
    const deaf = [...this.#observers];
    this.#observers.clear();
    return deaf;
  }

  async append(channel: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult> {
    const truth = await this.#truth(channel);
    const inner = await this.#broker.append(channel, drafts, ifMatch && this.#inward(ifMatch));
    const results = inner.results.map((result) => ({ ...result, cursor: this.#outward(result.cursor) }));
    this.#checker.appended(truth, drafts, results);
    truth.retain(this.#options.retention, this.#timeline.now);
    return { results };
  }

  async read(channel: string, after: Position, limits: ReadLimits): Promise<LogPage> {
    const truth = await this.#truth(channel);
    const asked = typeof after === "string" ? after : this.#inward(after);
    const page = await this.#broker.read(channel, asked, limits);
    const { stride } = this.#options;
    // An offset between two events is as good a place to read from as that of the event before it.
    const begins = typeof after !== "string" && page.gap === undefined ? after.offset : page.from * stride;
    const range = this.#outwardRange(page.range);
    this.#checker.ranged(truth, range);
    return {
      ...page,
      from: begins,
      to: Math.max(page.to * stride, begins),
      events: page.events.map((event) => this.#outwardEvent(event)),
      range,
    };
  }

  async before(channel: string, count: number): Promise<LogRange & { readonly at: number }> {
    const truth = await this.#truth(channel);
    const range = await this.#broker.before(channel, count);
    this.#checker.ranged(truth, this.#outwardRange(range));
    return { ...this.#outwardRange(range), at: range.at * this.#options.stride };
  }

  async range(channel: string): Promise<LogRange> {
    const truth = await this.#truth(channel);
    const range = this.#outwardRange(await this.#broker.range(channel));
    this.#checker.ranged(truth, range);
    return range;
  }

  async state(channel: string): Promise<LogState> {
    await this.#truth(channel);
    const state = await this.#broker.state(channel);
    const { stride } = this.#options;
    return {
      ...state,
      to: state.to * stride,
      truncatedAt: state.truncatedAt * stride,
      events: state.events.map((event) => this.#outwardEvent(event)),
    };
  }

  async close(channel: string): Promise<LogRange> {
    const truth = await this.#truth(channel);
    const range = this.#outwardRange(await this.#broker.close(channel));
    truth.isClosed = true;
    this.#checker.ranged(truth, range);
    return range;
  }

  async follow(channel: string, observer: LogObserver): Promise<Following> {
    await this.#truth(channel);
    this.#observers.add(observer);
    const following = await this.#broker.follow(channel, {
      appended: (batch) => observer.appended(this.#outwardBatch(batch)),
      closed: () => observer.closed(),
      disturbed: () => observer.disturbed(),
    });
    const stop = () => {
      this.#observers.delete(observer);
      following.stop();
    };
    return { range: this.#outwardRange(following.range), stop };
  }

  /** What is written down of the channel's present log. */
  async #truth(channel: string): Promise<TruthLog> {
    const { retention } = this.#options;
    let truth = this.#checker.log(channel);
    if (truth === undefined || !this.#channels.has(channel)) {
      this.#channels.add(channel);
      const { epoch, head } = this.#outwardRange(await this.#broker.range(channel));
      truth = new TruthLog(channel, epoch, head);
      this.#checker.began(truth);
    }
    truth.retain(retention, this.#timeline.now);
    return truth;
  }

  #inward({ epoch, offset }: Cursor): Cursor {
    return { epoch, offset: Math.floor(offset / this.#options.stride) };
  }

  #outward({ epoch, offset }: Cursor): Cursor {
    return { epoch, offset: offset * this.#options.stride };
  }

  #outwardEvent(event: LogEvent): LogEvent {
    return { ...event, offset: event.offset * this.#options.stride };
  }

  #outwardRange({ epoch, floor, head, closed }: LogRange): LogRange {
    const { stride } = this.#options;
    return { epoch, floor: floor * stride, head: head * stride, closed };
  }

  #outwardBatch({ epoch, from, to, events }: LogBatch): LogBatch {
    const { stride } = this.#options;
    return {
      epoch,
      from: from * stride,
      to: to * stride,
      events: events.map((one) => this.#outwardEvent(one)),
    };
  }
}
