import { availableParallelism } from "node:os";
import type { Catch, Group } from "../load/crew.ts";
import { Histogram } from "../load/histogram.ts";
import type { Published, PublishJob } from "../serve/publisher.ts";
import { type CpuTime, Stage } from "./stage.ts";

export interface BedSpec {
  readonly peer: string;
  readonly groups: readonly Group[];
  readonly payloadBytes: number;
  /** Records delays, which costs the load generators a little. */
  readonly isTimed?: boolean;
  /** For Node in the process of the server, as in `--cpu-prof`. */
  readonly execArgv?: readonly string[];
}

/** How far what should have come did come. */
export interface Arrival {
  readonly deliveries: number;
  readonly lost: number;
  readonly surplus: number;
  readonly disordered: number;
}

/** What happened from the first publish of a job until its last event had arrived everywhere. */
export interface Window extends Arrival, CpuTime {
  /** To each channel. */
  readonly events: number;
  readonly seconds: number;
  /** What the readers received for each event, all told. */
  readonly bytesPerDelivery: number;
  /** Events that a socket read brought on the average. */
  readonly eventsPerRead: number;
  readonly delays: Histogram;
  /** By how much the publisher itself was late at the worst, in microseconds. */
  readonly latestUs: number;
}

/** Sockets of one load generator: well below the limit of file descriptors that is usual. */
const readersPerLoadMax = 10_000;
/** What is not there so long after the publisher has ended is lost. */
export const arrivalTimeoutMs = 15_000;

/** A server of one peer with its readers, each in processes of their own. */
export class Bed {
  readonly stage: Stage;

  private constructor(stage: Stage) {
    this.stage = stage;
  }

  /** Starts everything, gives it to `use` once all readers are live, and takes it down again. */
  static async with<T>(spec: BedSpec, use: (bed: Bed) => Promise<T>): Promise<T> {
    const { peer, groups, payloadBytes, isTimed = false, execArgv } = spec;
    const channels = new Set(groups.flatMap((group) => group.channels)).size;
    const shares = share(groups, loadsFor(countReaders(groups)));
    const setting = { peer, channels, readers: countReaders(groups), loads: shares.length, execArgv };
    return await Stage.with(setting, async (stage) => {
      const { port } = stage;
      await stage.everyLoad((load, index) =>
        load.call("open", { peer, port, payloadBytes, isTimed, groups: shares[index] ?? [] }),
      );
      return await use(new Bed(stage));
    });
  }

  /** Publishes, waits until all of it has arrived, and tells what that took. */
  async run(job: PublishJob): Promise<Window> {
    const { stage } = this;
    await stage.everyLoad((load) => load.call("begin"));
    const cpuTime = stage.startCpuClock();
    const published = await stage.serve.call("publish", job);
    const given = { eventsPerChannel: published.events, timeoutMs: arrivalTimeoutMs };
    const catches = await stage.everyLoad((load) => load.call("finish", given));
    return { ...windowOf(published, catches), ...cpuTime() };
  }
}

/** What all load generators have received. */
export function arrivalOf(catches: readonly Catch[]): Arrival {
  const total = (part: (one: Catch) => number) => catches.reduce((sum, one) => sum + part(one), 0);
  return {
    deliveries: total(({ events }) => events),
    lost: total(({ lost }) => lost),
    surplus: total(({ surplus }) => surplus),
    disordered: total(({ disordered }) => disordered),
  };
}

function windowOf(published: Published, catches: readonly Catch[]): Omit<Window, keyof CpuTime> {
  const delays = new Histogram();
  for (const one of catches) delays.add(one.delays);
  const arrival = arrivalOf(catches);
  const reads = catches.reduce((sum, one) => sum + one.reads, 0);
  const bytes = catches.reduce((sum, one) => sum + one.bytes, 0);
  const lastUs = Math.max(published.startUs, ...catches.map((one) => one.lastUs));
  return {
    ...arrival,
    events: published.events,
    latestUs: published.latestUs,
    seconds: (lastUs - published.startUs) / 1e6,
    bytesPerDelivery: arrival.deliveries === 0 ? 0 : bytes / arrival.deliveries,
    eventsPerRead: reads === 0 ? 0 : arrival.deliveries / reads,
    delays,
  };
}

function countReaders(groups: readonly Group[]): number {
  return groups.reduce((sum, { readers }) => sum + readers, 0);
}

/** As many load generators as so many connections need, or as the machine can run beside a server. */
export function loadsFor(connections: number): number {
  const beside = Math.min(4, availableParallelism() - 1, connections);
  return Math.max(1, beside, Math.ceil(connections / readersPerLoadMax));
}

/** Deals the readers out to so many load generators. */
export function share(groups: readonly Group[], loads: number): Group[][] {
  const shares = Array.from({ length: loads }, (): Group[] => []);
  for (const [index, group] of groups.entries()) {
    const each = Math.floor(group.readers / loads);
    const left = group.readers % loads;
    for (const [turn, own] of shares.entries()) {
      // The odd ones go to another process each time.
      const more = (turn + index) % loads < left ? 1 : 0;
      if (each + more > 0) own.push({ ...group, readers: each + more });
    }
  }
  return shares;
}
