import { readFileSync } from "node:fs";
import { arrivalTimeoutMs } from "../bed/bed.ts";
import { FleetBed } from "../bed/fleet-bed.ts";
import { settledResidentBytes } from "../bed/memory.ts";
import type { Observation, Place, Scenario, Size } from "../scenario.ts";
import { scaled } from "../scenario.ts";

const payloadBytes = 128;
/** Healthy readers get so many events a second. */
const perSecond = 50;
const stretch = 2.5;
const settlingWindows = 4;
/** What is published so that the kernel's buffers of those who do not read are full: they hold about 4 MiB on loopback. */
const fillBytes = 16 * 1024;
const fillEvents = 320;
const fillPerSecond = 160;
const kibi = 1024;

const count = new Intl.NumberFormat("en");
const alone = "nobody stalls";
const beside = "beside stalled readers";

/** The kernel keeps less for everybody once it has given away this much; then half of that is what may be stalled. */
function stalledMax(): number {
  try {
    const numbers = (name: string) =>
      readFileSync(`/proc/sys/net/ipv4/${name}`, "utf8").trim().split(/\s+/).map(Number);
    const [pages = Number.POSITIVE_INFINITY] = numbers("tcp_mem");
    const most = numbers("tcp_wmem")[2] ?? 1;
    return Math.max(1, Math.floor((0.9 * pages * 4096) / most));
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

interface Wanted {
  readonly healthy: number;
  readonly stalled: number;
}

async function run(
  peer: string,
  { healthy, stalled }: Wanted,
  { size, execArgv }: Place,
): Promise<readonly Observation[]> {
  const spec = { peer, clients: healthy + stalled, payloadBytes, loads: 2, isForgetful: true, execArgv };
  return await FleetBed.with(spec, async (bed) => {
    const { stage } = bed;
    const [healthyLoad, stalledLoad] = stage.loads;
    if (healthyLoad === undefined || stalledLoad === undefined)
      throw new Error("Two load generators are needed.");
    const settled = () => settledResidentBytes(stage.pid, settlingWindows * size.windowMs);
    const fill = () =>
      bed.publish({
        payloadBytes: fillBytes,
        eventsMax: scaled(fillEvents, size, 2),
        durationMs: 600_000,
        pace: { kind: "rate", perSecond: fillPerSecond },
      });
    const observe = async (name: string): Promise<Observation> => {
      await healthyLoad.call("connect", { clients: healthy });
      const pace = { kind: "rate", perSecond } as const;
      await bed.publish({ payloadBytes, durationMs: size.warmUpMs, pace });
      await healthyLoad.call("awaitEvent", { sequence: bed.published, timeoutMs: arrivalTimeoutMs });
      await healthyLoad.call("beginHaul");
      const { events } = await bed.publish({ payloadBytes, durationMs: stretch * size.windowMs, pace });
      await healthyLoad.call("awaitEvent", { sequence: bed.published, timeoutMs: arrivalTimeoutMs });
      const { delays, ...haul } = await bed.haul([healthyLoad]);
      const lost = healthy * events - haul.events;
      const figures = { p50: delays.quantile(0.5) / 1000, p99: delays.quantile(0.99) / 1000 };
      await healthyLoad.call("cutAll");
      return { case: name, lost, notes: lost > 0 ? [`lost ${lost}`] : [], figures };
    };
    const before = await observe(alone);
    const stall = async (clients: number) => {
      await stalledLoad.call("connect", { clients });
      await stalledLoad.call("stallAll");
      await fill();
    };
    // What large events leave behind in a server's heap is not blamed on those who stall: some stall before it is looked at.
    const few = Math.ceil(stalled / 5);
    await stall(few);
    await fill();
    const withFew = await settled();
    await stall(stalled);
    const full = await settled();
    const after = await observe(beside);
    const longer = await settled();
    const more = stalled - few;
    const figures = {
      ...after.figures,
      perStalledKiB: (full - withFew) / more / kibi,
      laterKiB: (longer - withFew) / more / kibi,
    };
    return [before, { ...after, figures, notes: [...after.notes, `${count.format(stalled)} stalled`] }];
  });
}

function wantedAt(size: Size): Wanted {
  return { healthy: scaled(1000, size, 2), stalled: Math.min(scaled(1000, size, 2), stalledMax()) };
}

export const slowReaders: Scenario = {
  name: "slow-readers",
  title: "Slow readers beside healthy ones",
  about:
    "1,000 healthy readers and 50 events a second, first alone, then beside connections that have stopped reading and whose buffers in the kernel are full. Those buffers are not resident memory of the server, but 4 MiB each on loopback: there are as many stalled connections, up to 1,000, as the kernel has room for without keeping less for everybody. What each adds to the server is told by the last four fifths of them: when they have just stalled, and after more events.",
  bases: ["ws"],
  runsMax: 2,
  measures: [
    { name: "p50", title: "healthy readers' p50", unit: "ms", better: "less" },
    { name: "p99", title: "healthy readers' p99", unit: "ms", better: "less" },
    { name: "perStalledKiB", title: "memory for each stalled one", unit: "KiB", better: "less" },
    {
      name: "laterKiB",
      title: "after more events, with what the healthy left behind",
      unit: "KiB",
      better: "less",
    },
  ],
  plotted: ["p99"],
  targets: [
    {
      text: "a stalled reader adds less than 64 KiB",
      case: beside,
      measure: "perStalledKiB",
      peer: "holdfast",
      atMost: 64,
    },
    {
      text: "stalled readers cost the healthy ones less than 10 % at p99",
      case: beside,
      measure: "p99",
      peer: "holdfast",
      baseCase: alone,
      atMost: 1.1,
    },
  ],
  trials: (size) => {
    const wanted = wantedAt(size);
    return [
      {
        name: `${count.format(wanted.stalled)} stalled`,
        run: async (peer, place) => await run(peer.name, wanted, place),
      },
    ];
  },
};
