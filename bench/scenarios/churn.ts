import { arrivalTimeoutMs } from "../bed/bed.ts";
import { FleetBed } from "../bed/fleet-bed.ts";
import { settledResidentBytes } from "../bed/memory.ts";
import type { Observation, Place, Scenario } from "../scenario.ts";
import { scaled } from "../scenario.ts";

const payloadBytes = 128;
const rounds = 5;
const events = 3;
const settlingWindows = 5;
const mebi = 2 ** 20;

const count = new Intl.NumberFormat("en");

async function run(
  peer: string,
  clients: number,
  { size, execArgv }: Place,
): Promise<readonly Observation[]> {
  return await FleetBed.with({ peer, clients, payloadBytes, execArgv }, async (bed) => {
    const settled = () => settledResidentBytes(bed.stage.pid, settlingWindows * size.windowMs);
    const observation = async (name: string, lost: number): Promise<Observation> => ({
      case: name,
      lost,
      notes: lost > 0 ? [`lost ${lost}`] : [],
      figures: { residentMiB: (await settled()) / mebi },
    });
    const observations = [await observation("start", 0)];
    for (let round = 1; round <= rounds; round++) {
      await bed.connect(clients);
      await bed.begin();
      await bed.publishSome(events, payloadBytes);
      await bed.arrived(arrivalTimeoutMs);
      const haul = await bed.haul();
      await bed.cutAll();
      observations.push(await observation(`after round ${round}`, clients * events - haul.events));
    }
    return observations;
  });
}

export const churn: Scenario = {
  name: "churn",
  title: "Memory that comes back: connect, use and drop, again and again",
  about:
    "Five times 10,000 clients connect, get three events and are cut off. What the server has in memory between the rounds must not grow from one to the next.",
  bases: ["ws", "better-sse"],
  runsMax: 1,
  measures: [{ name: "residentMiB", title: "resident with nobody there", unit: "MiB", better: "less" }],
  plotted: ["residentMiB"],
  isCurve: true,
  targets: (["holdfast", "holdfast-session", "holdfast-sse"] as const).map((peer) => ({
    text: `${peer}: after five rounds at most 1.1 times what there was after two`,
    case: `after round ${rounds}`,
    measure: "residentMiB",
    peer,
    baseCase: "after round 2",
    atMost: 1.1,
  })),
  trials: (size) => {
    const clients = scaled(10_000, size, 4);
    return [
      {
        name: `${count.format(clients)} clients`,
        run: async ({ name }, place) => await run(name, clients, place),
      },
    ];
  },
};
