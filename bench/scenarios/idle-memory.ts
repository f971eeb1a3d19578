import { FleetBed } from "../bed/fleet-bed.ts";
import { settledResidentBytes } from "../bed/memory.ts";
import type { Observation, Place, Scenario } from "../scenario.ts";
import { scaled } from "../scenario.ts";

const payloadBytes = 128;
/** How long memory is given to settle: V8 tidies up some seconds after the work. */
const settlingWindows = 10;
const kibi = 1024;

const count = new Intl.NumberFormat("en");

/** Opens some, then all. What the second part adds is free of what the first few cost once and for all. */
async function run(
  peer: string,
  [few, many]: readonly [number, number],
  { size, execArgv }: Place,
): Promise<Observation> {
  return await FleetBed.with({ peer, clients: many, payloadBytes, execArgv }, async (bed) => {
    const settled = () => settledResidentBytes(bed.stage.pid, settlingWindows * size.windowMs);
    const empty = await settled();
    await bed.connect(few);
    const withFew = await settled();
    await bed.connect(many);
    const withMany = await settled();
    await bed.publishSome(1, payloadBytes);
    await bed.arrived(10_000);
    const haul = await bed.haul();
    return {
      case: `${count.format(many)} connections`,
      lost: many - haul.events,
      notes: haul.refused > 0 ? [`${haul.refused} connections refused`] : [],
      figures: {
        perConnectionKiB: (withMany - empty) / many / kibi,
        slopeKiB: (withMany - withFew) / (many - few) / kibi,
        residentMiB: withMany / kibi ** 2,
      },
    };
  });
}

export const idleMemory: Scenario = {
  name: "idle-memory",
  title: "Resident memory of idle connections",
  about:
    "10,000 connections that do nothing, told by the resident memory of the server's process once it has settled. All that was added since the start is divided by their number; beside it stands what each of the last 8,000 added, which is free of what a server needs once it does anything at all. One event then shows that all of them are there.",
  bases: ["ws", "better-sse"],
  measures: [
    { name: "perConnectionKiB", title: "per connection, all told", unit: "KiB", better: "less" },
    { name: "slopeKiB", title: "each further connection", unit: "KiB", better: "less" },
    { name: "residentMiB", title: "resident in all", unit: "MiB", better: "less" },
  ],
  plotted: ["perConnectionKiB", "slopeKiB"],
  targets: [
    ...(["holdfast", "holdfast-session"] as const).map((peer) => ({
      text: `${peer}: at most 8 KiB a connection`,
      case: "10,000 connections",
      measure: "perConnectionKiB",
      peer,
      atMost: 8,
    })),
    {
      text: "holdfast-sse: at most 10 KiB a connection",
      case: "10,000 connections",
      measure: "perConnectionKiB",
      peer: "holdfast-sse",
      atMost: 10,
    },
  ],
  trials: (size) => {
    const many = scaled(10_000, size, 10);
    const few = Math.ceil(many / 5);
    return [
      {
        name: `${count.format(many)} connections`,
        run: async (peer, place) => [await run(peer.name, [few, many], place)],
      },
    ];
  },
};
