import type {
  AppendResult,
  Broker,
  Capabilities,
  Following,
  LogBatch,
  LogObserver,
  LogPage,
  LogRange,
  LogState,
  ReadLimits,
} from "@holdfast/core/broker";
import { type Cursor, type Draft, HoldfastError, type Position } from "@holdfast/protocol";
import type { Engine } from "./log-engine.ts";
import { Pipe } from "./pipe.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/**
 * How a node reaches the engine: `refused` is told so at once, `hanging` asks and nothing arrives there, `mute` is
 * heard there but never answered.
 */
export type Reach = "well" | "refused" | "hanging" | "mute";

export interface NodeBrokerOptions {
  readonly timeline: Timeline;
  readonly engine: Engine;
  readonly random: Random;
  readonly deadlineMs: number;
  /** Of one way between the node and the engine. */
  readonly delayMsMax: number;
  /** The probability that a notice of the engine overtakes or repeats another, or begins where the one before it began. */
  readonly untidyNotices: number;
}

/** One node's way to the shared engine. Every call settles within its deadline; the rest is as bad as the world wants it. */
export class NodeBroker implements Broker {
  readonly name = "simulated";
  readonly capabilities: Capabilities = { conditionalAppend: true, durable: true, state: true, shared: true };
  reach: Reach = "well";
  /** Notices of the engine are lost, and nobody says so. */
  isDeaf = false;
  readonly #options: NodeBrokerOptions;
  readonly #lanes = new Map<string, number>();
  readonly #observers = new Map<LogObserver, Following>();
  #isDead = false;

  constructor(options: NodeBrokerOptions) {
    this.#options = options;
  }

  append(channel: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult> {
    return this.#call(channel, () => this.#options.engine.append(channel, drafts, ifMatch));
  }

  read(channel: string, after: Position, limits: ReadLimits): Promise<LogPage> {
    return this.#call(channel, () => this.#options.engine.read(channel, after, limits));
  }

  before(channel: string, count: number): Promise<LogRange & { readonly at: number }> {
    return this.#call(channel, () => this.#options.engine.before(channel, count));
  }

  range(channel: string): Promise<LogRange> {
    return this.#call(channel, () => this.#options.engine.range(channel));
  }

  state(channel: string): Promise<LogState> {
    return this.#call(channel, () => this.#options.engine.state(channel));
  }

  close(channel: string): Promise<LogRange> {
    return this.#call(channel, () => this.#options.engine.close(channel));
  }

  async follow(channel: string, observer: LogObserver): Promise<Following> {
    const { engine, timeline, random, untidyNotices } = this.#options;
    const notices = new Pipe<() => void>(timeline, this.#delayMs, (tell) => tell());
    const hear = (tell: () => void) => {
      if (!this.isDeaf && !this.#isDead) this.#notify(notices, tell);
    };
    let last: LogBatch | undefined;
    const remote: LogObserver = {
      appended: (batch: LogBatch) => {
        const told = random.chance(untidyNotices) ? withLast(last, batch) : batch;
        last = batch;
        hear(() => observer.appended(told));
      },
      closed: () => hear(() => observer.closed()),
      disturbed: () => hear(() => observer.disturbed()),
    };
    const stop = (following: Following) => {
      this.#observers.delete(observer);
      notices.break();
      following.stop();
    };
    const following = await this.#call(
      channel,
      async () => {
        const begun = await engine.follow(channel, remote);
        // A node that died on the way leaves nobody to hear.
        if (this.#isDead) begun.stop();
        else this.#observers.set(observer, begun);
        return begun;
      },
      stop,
    );
    return { range: following.range, stop: () => stop(following) };
  }

  async probe(): Promise<void> {
    if (this.reach !== "well") throw this.#unavailable("cannot be reached");
  }

  async stop(): Promise<void> {}

  /** Channels followed. */
  get followings(): number {
    return this.#observers.size;
  }

  /** The engine says that something may have been missed. */
  disturb(): void {
    for (const observer of [...this.#observers.keys()]) observer.disturbed();
  }

  /** The node is no more: nothing comes back to it, though what it asked for may still be done. */
  die(): void {
    this.#isDead = true;
    for (const following of this.#observers.values()) following.stop();
    this.#observers.clear();
  }

  readonly #delayMs = (): number => this.#options.random.next() * this.#options.delayMsMax;

  #notify(notices: Pipe<() => void>, tell: () => void): void {
    const { random, timeline, untidyNotices } = this.#options;
    if (!random.chance(untidyNotices)) {
      notices.send(tell);
      return;
    }
    if (random.chance(0.5)) notices.send(tell);
    timeline.after(this.#delayMs() * 4, () => {
      if (!notices.isBroken && !this.#isDead) tell();
    });
  }

  #unavailable(why: string): HoldfastError {
    return new HoldfastError("broker_unavailable", `The simulated engine ${why}.`);
  }

  /** Calls for one channel arrive in their order; their answers need not. */
  #call<T>(channel: string, run: () => Promise<T>, tooLate: (value: T) => void = () => {}): Promise<T> {
    const { timeline, deadlineMs } = this.#options;
    return new Promise((resolve, reject) => {
      let isLate = false;
      const cancel = timeline.after(deadlineMs, () => {
        isLate = true;
        if (!this.#isDead) reject(this.#unavailable("did not answer in time"));
      });
      const settle = (tell: () => void, drop: () => void = () => {}) => {
        if (this.reach === "mute") return drop();
        timeline.after(this.#delayMs(), () => {
          if (isLate || this.#isDead) return drop();
          cancel();
          tell();
        });
      };
      if (this.reach === "refused") {
        settle(() => reject(this.#unavailable("cannot be reached")));
        return;
      }
      const arrivesAt = Math.max(timeline.now + this.#delayMs(), this.#lanes.get(channel) ?? 0);
      this.#lanes.set(channel, arrivesAt);
      timeline.at(arrivesAt, () => {
        if (this.reach === "hanging") return;
        run().then(
          (value) =>
            settle(
              () => resolve(value),
              () => tooLate(value),
            ),
          (error: unknown) => settle(() => reject(error)),
        );
      });
    });
  }
}

/** A batch that begins where the one before it began, as an engine may tell it that looks back too far. */
function withLast(last: LogBatch | undefined, batch: LogBatch): LogBatch {
  if (last?.epoch !== batch.epoch || last.to !== batch.from) return batch;
  return { ...batch, from: last.from, events: [...last.events, ...batch.events] };
}
