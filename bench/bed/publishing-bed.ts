import { Histogram } from "../load/histogram.ts";
import type { PublishWay } from "../publish-way.ts";
import { type Arrival, arrivalOf, arrivalTimeoutMs, loadsFor } from "./bed.ts";
import { type CpuTime, Stage } from "./stage.ts";

export interface PublishingBedSpec {
  readonly peer: string;
  readonly over: PublishWay["over"];
  /** Each is published to on one connection, and read on another. */
  readonly channels: readonly string[];
  readonly payloadBytes: number;
  /** Events in one message or request. */
  readonly batch: number;
  /** Messages that a WebSocket has under way; over HTTP it is one request. */
  readonly inFlight: number;
  readonly execArgv?: readonly string[];
}

/** What publishers have done, and what readers have seen of it. */
export interface PublishingWindow extends Arrival, CpuTime {
  readonly acknowledged: number;
  /** Until the last acknowledgement. */
  readonly seconds: number;
  /** How long acknowledgements took. */
  readonly delays: Histogram;
}

/** A server of one peer with clients that publish, and readers of what they publish. */
export class PublishingBed {
  readonly #stage: Stage;

  private constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Starts everything, gives it to `use`, and takes it down again. */
  static async with<T>(spec: PublishingBedSpec, use: (bed: PublishingBed) => Promise<T>): Promise<T> {
    const { peer, over, channels, payloadBytes, batch, inFlight, execArgv } = spec;
    const loads = loadsFor(channels.length);
    // A channel's publisher and its reader are in one process, which so knows what must arrive.
    const shares = Array.from({ length: loads }, (_, share) =>
      channels.filter((_, index) => index % loads === share),
    );
    const setting = { peer, channels: channels.length, readers: channels.length, loads, execArgv };
    return await Stage.with(setting, async (stage) => {
      const { port } = stage;
      await stage.everyLoad(async (load, index) => {
        const own = shares[index] ?? [];
        const groups = own.map((channel) => ({ channels: [channel], readers: 1 }));
        await load.call("open", { peer, port, payloadBytes, isTimed: false, groups });
        await load.call("openPublishers", { peer, over, port, payloadBytes, channels: own, batch, inFlight });
      });
      return await use(new PublishingBed(stage));
    });
  }

  /** Publishes for a while, each message when the one before it was acknowledged. */
  async run(durationMs: number): Promise<PublishingWindow> {
    const stage = this.#stage;
    await stage.everyLoad((load) => load.call("begin"));
    const cpuTime = stage.startCpuClock();
    const published = await stage.everyLoad((load) => load.call("publish", { durationMs }));
    const catches = await stage.everyLoad((load, index) =>
      load.call("finishTogether", { events: published[index]?.events ?? 0, timeoutMs: arrivalTimeoutMs }),
    );
    const delays = new Histogram();
    for (const one of published) delays.add(one.delays);
    const startUs = Math.min(...published.map((one) => one.startUs));
    const endUs = Math.max(...published.map((one) => one.endUs));
    return {
      ...arrivalOf(catches),
      ...cpuTime(),
      acknowledged: published.reduce((sum, { events }) => sum + events, 0),
      seconds: (endUs - startUs) / 1e6,
      delays,
    };
  }
}
