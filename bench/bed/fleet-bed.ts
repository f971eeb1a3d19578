import type { Haul } from "../load/fleet.ts";
import { Histogram } from "../load/histogram.ts";
import type { Place } from "../scenario.ts";
import type { Published, PublishJob } from "../serve/publisher.ts";
import { loadsFor } from "./bed.ts";
import { Stage } from "./stage.ts";

export interface FleetBedSpec extends Pick<Place, "execArgv"> {
  readonly peer: string;
  /** The most clients there will be. */
  readonly clients: number;
  readonly payloadBytes: number;
  /** Events that the channel keeps for those who come later. */
  readonly history?: number;
  readonly isFromOldest?: boolean;
  /** Clients that come back are as new. */
  readonly isForgetful?: boolean;
  /** Connections that each load generator opens at a time. */
  readonly openingMax?: number;
  /** As many load generators; absent: as many as so many clients need. */
  readonly loads?: number;
}

/** What all clients have had. */
export interface WholeHaul extends Omit<Haul, "delays" | "openings"> {
  readonly delays: Histogram;
  readonly openings: Histogram;
}

const channel = "bench";
/** Beyond half of an address's usual 28,000 ports Linux takes long to find a free one. */
const clientsOfOneAddressMax = 14_000;

/** A server of one peer, with clients that can be cut off and come back, and that all read one channel. */
export class FleetBed {
  readonly stage: Stage;
  /** Events published so far. */
  published = 0;

  private constructor(stage: Stage) {
    this.stage = stage;
  }

  /** Starts the processes, gives them to `use` and ends them. There is no client yet. */
  static async with<T>(spec: FleetBedSpec, use: (bed: FleetBed) => Promise<T>): Promise<T> {
    const {
      peer,
      clients,
      payloadBytes,
      history,
      isFromOldest = false,
      isForgetful = false,
      openingMax,
      execArgv,
    } = spec;
    const loads = spec.loads ?? loadsFor(clients);
    const keeping = history === undefined ? {} : { history };
    const setting = { peer, channels: 1, readers: clients, loads, execArgv, ...keeping };
    return await Stage.with(setting, async (stage) => {
      const { port } = stage;
      await stage.everyLoad((load, index) => {
        const network = clients > clientsOfOneAddressMax ? `127.0.${index + 2}` : undefined;
        return load.call("makeFleet", {
          peer,
          port,
          channels: [channel],
          payloadBytes,
          network,
          isFromOldest,
          isForgetful,
          openingMax,
        });
      });
      return await use(new FleetBed(stage));
    });
  }

  /** Grows to so many clients, connects those that are not, and resolves with the time at which the last was live. */
  async connect(clients: number): Promise<number> {
    const { loads } = this.stage;
    const shareOf = (index: number) => Math.floor((clients + index) / loads.length);
    const times = await this.stage.everyLoad((load, index) =>
      load.call("connect", { clients: shareOf(index) }),
    );
    return Math.max(...times);
  }

  async cutAll(): Promise<void> {
    await this.stage.everyLoad((load) => load.call("cutAll"));
  }

  async publish(job: Omit<PublishJob, "channels">): Promise<Published> {
    const published = await this.stage.serve.call("publish", { channels: [channel], ...job });
    this.published += published.events;
    return published;
  }

  /** Publishes so many, each in a turn of its own. */
  async publishSome(eventsMax: number, payloadBytes: number): Promise<Published> {
    return await this.publish({ payloadBytes, eventsMax, durationMs: 600_000, pace: { kind: "turns" } });
  }

  /** Resolves when every client has had the last event that was published, or when that takes too long. */
  async arrived(timeoutMs: number): Promise<void> {
    await this.arrivedAt(this.stage.loads, timeoutMs);
  }

  /** The same for the clients of some load generators. */
  async arrivedAt(loads: Stage["loads"], timeoutMs: number): Promise<void> {
    const given = { sequence: this.published, timeoutMs };
    await Promise.all(loads.map((load) => load.call("awaitEvent", given)));
  }

  /** From now on `haul` counts. */
  async begin(): Promise<void> {
    await this.stage.everyLoad((load) => load.call("beginHaul"));
  }

  /** Of some load generators, or of all. */
  async haul(loads = this.stage.loads): Promise<WholeHaul> {
    const hauls = await Promise.all(loads.map((load) => load.call("haul")));
    const total = (part: (haul: Haul) => number) => hauls.reduce((sum, haul) => sum + part(haul), 0);
    const delays = new Histogram();
    const openings = new Histogram();
    for (const haul of hauls) {
      delays.add(haul.delays);
      openings.add(haul.openings);
    }
    return {
      events: total(({ events }) => events),
      repeated: total(({ repeated }) => repeated),
      refused: total(({ refused }) => refused),
      opened: total(({ opened }) => opened),
      lastUs: Math.max(...hauls.map(({ lastUs }) => lastUs)),
      delays,
      openings,
    };
  }
}
