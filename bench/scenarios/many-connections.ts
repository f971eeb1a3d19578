import { arrivalTimeoutMs } from "../bed/bed.ts";
import { FleetBed } from "../bed/fleet-bed.ts";
import { familyOf, proportionalBytes, settledResidentBytes } from "../bed/memory.ts";
import type { Observation, Place, Scenario } from "../scenario.ts";
import { scaled } from "../scenario.ts";

const payloadBytes = 128;
const events = 20;
const clientsPerLoad = 12_500;
const settlingWindows = 10;
const mebi = 2 ** 20;

const count = new Intl.NumberFormat("en");

async function run(peer: string, clients: number, { size, execArgv }: Place): Promise<Observation> {
  const loads = Math.ceil(clients / clientsPerLoad);
  const spec = { peer, clients, payloadBytes, loads, execArgv };
  return await FleetBed.with(spec, async (bed) => {
    const { pid } = bed.stage;
    const settled = () => settledResidentBytes(pid, settlingWindows * size.windowMs);
    const empty = await settled();
    const processes = familyOf(pid).length;
    const openedFrom = performance.now();
    await bed.connect(clients);
    const openSeconds = (performance.now() - openedFrom) / 1000;
    const idle = await settled();
    await bed.begin();
    const { startUs } = await bed.publishSome(events, payloadBytes);
    await bed.arrived(arrivalTimeoutMs);
    const haul = await bed.haul();
    const served = await settled();
    const proportional = proportionalBytes(pid);
    const lost = clients * events - haul.events;
    const notes = [`${processes} processes, ${loads} load generators`];
    if (lost > 0) notes.push(`lost ${lost}`);
    if (haul.repeated > 0) notes.push(`${haul.repeated} came twice`);
    if (haul.refused > 0) notes.push(`${haul.refused} connections refused`);
    return {
      case: `${count.format(clients)} connections`,
      lost,
      notes,
      figures: {
        residentMiB: served / mebi,
        proportionalMiB: proportional / mebi,
        idleMiB: idle / mebi,
        emptyMiB: empty / mebi,
        perConnectionKiB: ((idle - empty) * 1024) / clients / mebi,
        openSeconds,
        deliveriesPerSecond: haul.events / ((haul.lastUs - startUs) / 1e6),
      },
    };
  });
}

export const manyConnections: Scenario = {
  name: "many-connections",
  title: "50,000 connections on one machine",
  isSpecial: true,
  about:
    "`holdfast serve --workers 3` (HOLDFAST_BENCH_WORKERS says otherwise), its memory only, with clients from several addresses of this machine, each on a plain WebSocket. Once they are there, 20 events are published over HTTP, each when the one before was acknowledged, and every client must get every one. Resident memory is that of the primary and all workers; what they share, as the program itself, counts in each, and once where that is said.",
  bases: ["holdfast-workers"],
  runsMax: 1,
  measures: [
    { name: "residentMiB", title: "resident after the deliveries", unit: "MiB", better: "less" },
    { name: "proportionalMiB", title: "the same, shared pages once", unit: "MiB", better: "less" },
    { name: "idleMiB", title: "resident before them", unit: "MiB", better: "less" },
    { name: "emptyMiB", title: "resident without connections", unit: "MiB", better: "less" },
    { name: "perConnectionKiB", title: "per connection", unit: "KiB", better: "less" },
    { name: "openSeconds", title: "until all are live", unit: "s", better: "less" },
    { name: "deliveriesPerSecond", title: "deliveries/s", unit: "/s", better: "more" },
  ],
  plotted: ["residentMiB", "proportionalMiB", "emptyMiB"],
  targets: [
    ...(["residentMiB", "proportionalMiB"] as const).map((measure) => ({
      text: `50,000 connections below 600 MB${measure === "residentMiB" ? "" : ", shared pages counted once"}`,
      case: "50,000 connections",
      measure,
      peer: "holdfast-workers",
      atMost: 600e6 / mebi,
    })),
  ],
  trials: (size) => {
    const clients = scaled(50_000, size, 4);
    return [
      {
        name: `${count.format(clients)} connections`,
        run: async (peer, place) => [await run(peer.name, clients, place)],
      },
    ];
  },
};
