import { arrivalTimeoutMs } from "../bed/bed.ts";
import { FleetBed } from "../bed/fleet-bed.ts";
import { startPeak } from "../bed/memory.ts";
import { nowUs } from "../clock.ts";
import type { Observation, Place, Scenario } from "../scenario.ts";
import { scaled } from "../scenario.ts";

const payloadBytes = 128;
/** Each brings all of the history, in at most this time. */
const timeoutMs = 4 * arrivalTimeoutMs;
const mebi = 2 ** 20;

const count = new Intl.NumberFormat("en");

async function run(
  peer: string,
  { readers, events }: { readonly readers: number; readonly events: number },
  { execArgv }: Place,
): Promise<Observation> {
  const spec = { peer, clients: readers, payloadBytes, history: events, isFromOldest: true, execArgv };
  return await FleetBed.with(spec, async (bed) => {
    const pace = { kind: "flat-out", eventsMax: 500, bytesMax: 64 * 1024 } as const;
    await bed.publish({ payloadBytes, eventsMax: events, durationMs: 600_000, pace });
    const { pid } = bed.stage;
    const peakBytes = startPeak(pid);
    const before = peakBytes();
    const cpuTime = bed.stage.startCpuClock();
    const startUs = nowUs();
    await bed.connect(readers);
    await bed.arrived(timeoutMs);
    const haul = await bed.haul();
    const cpu = cpuTime();
    const seconds = (haul.lastUs - startUs) / 1e6;
    const lost = readers * events - haul.events;
    const notes = lost > 0 ? [`lost ${lost}`] : [];
    if (haul.repeated > 0) notes.push(`${haul.repeated} too many`);
    return {
      case: `${count.format(readers)} readers, ${count.format(events)} events`,
      lost,
      notes,
      figures: {
        seconds,
        deliveriesPerSecond: haul.events / seconds,
        ...(cpu.serverCpuSeconds === undefined ? {} : { cpuSeconds: cpu.serverCpuSeconds }),
        peakMiB: (peakBytes() - before) / mebi,
      },
    };
  });
}

export const catchUp: Scenario = {
  name: "catch-up",
  title: "Catching up: all of the history, to many at once",
  about:
    "100,000 events are in the channel's history; then 100 readers come at once and ask for all of them. The time runs until the last event has reached the last reader.",
  bases: ["holdfast"],
  runsMax: 1,
  measures: [
    { name: "seconds", title: "until all have all", unit: "s", better: "less" },
    { name: "deliveriesPerSecond", title: "deliveries/s", unit: "/s", better: "more" },
    { name: "cpuSeconds", title: "server's processor time", unit: "s", better: "less" },
    { name: "peakMiB", title: "most memory beside the history", unit: "MiB", better: "less" },
  ],
  plotted: ["deliveriesPerSecond"],
  targets: [],
  trials: (size) => {
    const wanted = { readers: scaled(100, size, 2), events: scaled(100_000, size, 200) };
    return [
      {
        name: `${count.format(wanted.readers)} readers`,
        refusal: ({ dialect }) =>
          dialect.oldest === undefined ? "it keeps no history for those who come later" : undefined,
        run: async (peer, place) => [await run(peer.name, wanted, place)],
      },
    ];
  },
};
