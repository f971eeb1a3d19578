import { availableParallelism } from "node:os";
import type { Catch, Group } from "../load/crew.ts";
import { Histogram } from "../load/histogram.ts";
import type { LoadOperations } from "../load/main.ts";
import type { ServeOperations } from "../serve/main.ts";
import type { Published, PublishJob } from "../serve/publisher.ts";
import { Child } from "./child.ts";
import { startCpuClock } from "./cpu.ts";

export interface BedSpec {
  readonly peer: string;
  readonly groups: readonly Group[];
  readonly payloadBytes: number;
  /** Records delays, which costs the load generators a little. */
  readonly isTimed?: boolean;
  /** For Node in the process of the server, as in `--cpu-prof`. */
  readonly execArgv?: readonly string[];
}

/** What happened from the first publish of a job until its last event had arrived everywhere. */
export interface Window {
  /** To each channel. */
  readonly events: number;
  readonly deliveries: number;
  readonly lost: number;
  readonly surplus: number;
  readonly disordered: number;
  readonly seconds: number;
  /** Events that a socket read brought on the average. */
  readonly eventsPerRead: number;
  /** Undefined where the system does not tell. */
  readonly serverCpuSeconds: number | undefined;
  readonly loadCpuSeconds: number | undefined;
  readonly loadProcesses: number;
  readonly delays: Histogram;
  /** By how much the publisher itself was late at the worst, in microseconds. */
  readonly latestUs: number;
}

/** Sockets of one load generator: well below the limit of file descriptors that is usual. */
const readersPerLoadMax = 10_000;
/** What is not there so long after the publisher has ended is lost. */
const arrivalTimeoutMs = 15_000;

const serveFile = new URL("../serve/main.ts", import.meta.url);
const loadFile = new URL("../load/main.ts", import.meta.url);

/** A server of one peer with its readers, each in processes of their own. */
export class Bed {
  readonly #serve: Child<ServeOperations>;
  readonly #loads: readonly Child<LoadOperations>[];
  #measuredPid = 0;

  private constructor(serve: Child<ServeOperations>, loads: readonly Child<LoadOperations>[]) {
    this.#serve = serve;
    this.#loads = loads;
  }

  /** Starts everything, gives it to `use`, and takes it down again. */
  static async with<T>(spec: BedSpec, use: (bed: Bed) => Promise<T>): Promise<T> {
    const shares = share(spec.groups);
    const serve = new Child<ServeOperations>(serveFile, { execArgv: spec.execArgv ?? [] });
    const loads = shares.map(() => new Child<LoadOperations>(loadFile));
    const bed = new Bed(serve, loads);
    try {
      await bed.#open(spec, shares);
      return await use(bed);
    } finally {
      await bed.#close();
    }
  }

  async #open({ peer, groups, payloadBytes, isTimed = false }: BedSpec, shares: Group[][]): Promise<void> {
    const channels = new Set(groups.flatMap((group) => group.channels)).size;
    const readers = groups.reduce((sum, group) => sum + group.readers, 0);
    const { port, pid } = await this.#serve.call("serve", { peer, channels, readers });
    this.#measuredPid = pid;
    await Promise.all(
      this.#loads.map((load, index) =>
        load.call("open", { peer, port, payloadBytes, isTimed, groups: shares[index] ?? [] }),
      ),
    );
  }

  /** Publishes, waits until all of it has arrived, and tells what that took. */
  async run(job: PublishJob): Promise<Window> {
    await Promise.all(this.#loads.map((load) => load.call("begin")));
    const serverCpu = startCpuClock([this.#measuredPid]);
    const loadCpu = startCpuClock(this.#loads.map(({ pid }) => pid));
    const published = await this.#serve.call("publish", job);
    const given = { eventsPerChannel: published.events, timeoutMs: arrivalTimeoutMs };
    const catches = await Promise.all(this.#loads.map((load) => load.call("finish", given)));
    return {
      ...sum(published, catches),
      serverCpuSeconds: serverCpu(),
      loadCpuSeconds: loadCpu(),
      loadProcesses: this.#loads.length,
    };
  }

  async #close(): Promise<void> {
    await Promise.all([this.#serve, ...this.#loads].map((child) => child.end()));
  }
}

function sum(
  published: Published,
  catches: readonly Catch[],
): Omit<Window, "serverCpuSeconds" | "loadCpuSeconds" | "loadProcesses"> {
  const delays = new Histogram();
  const total = { deliveries: 0, lost: 0, surplus: 0, disordered: 0 };
  let reads = 0;
  let lastUs = published.startUs;
  for (const one of catches) {
    total.deliveries += one.events;
    total.lost += one.lost;
    total.surplus += one.surplus;
    total.disordered += one.disordered;
    reads += one.reads;
    lastUs = Math.max(lastUs, one.lastUs);
    delays.add(one.delays);
  }
  return {
    ...total,
    events: published.events,
    latestUs: published.latestUs,
    seconds: (lastUs - published.startUs) / 1e6,
    eventsPerRead: reads === 0 ? 0 : total.deliveries / reads,
    delays,
  };
}

/** Deals the readers out to as many load generators as they need and the machine can run beside the server. */
function share(groups: readonly Group[]): Group[][] {
  const readers = groups.reduce((total, group) => total + group.readers, 0);
  const processes = Math.max(
    Math.ceil(readers / readersPerLoadMax),
    Math.min(4, availableParallelism() - 1, readers),
    1,
  );
  const shares = Array.from({ length: processes }, (): Group[] => []);
  for (const [index, group] of groups.entries()) {
    const each = Math.floor(group.readers / processes);
    const left = group.readers % processes;
    for (const [turn, own] of shares.entries()) {
      // The odd ones go to another process each time.
      const more = (turn + index) % processes < left ? 1 : 0;
      if (each + more > 0) own.push({ ...group, readers: each + more });
    }
  }
  return shares;
}
