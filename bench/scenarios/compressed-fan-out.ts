import { Bed } from "../bed/bed.ts";
import type { Peer } from "../peer.ts";
import type { Observation, Place, Scenario, Size, Trial } from "../scenario.ts";
import { scaled } from "../scenario.ts";
import type { Pace } from "../serve/publisher.ts";
import { deliveryMeasures, measure, observe } from "./window.ts";

const channels = ["bench"];
/** Less at a time than in `fan-out`: who compresses for each reader makes a queue of it. */
const flatOut: Pace = { kind: "witnessed", eventsMax: 16, bytesMax: 16 * 1024 };
const paced: Pace = { kind: "witnessed", eventsMax: 1, bytesMax: 0 };
const cases: readonly { readonly payloadBytes: number; readonly paces: readonly Pace[] }[] = [
  { payloadBytes: 256, paces: [flatOut] },
  { payloadBytes: 1024, paces: [flatOut, paced] },
  { payloadBytes: 4096, paces: [flatOut] },
];

function nameOf(readers: number, payloadBytes: number, pace: Pace): string {
  return `${pace === paced ? "paced" : "flat out"}, ${readers} readers, ${payloadBytes} B`;
}

function trial(size: Size): Trial {
  const readers = scaled(1000, size);
  return {
    name: `${readers} readers`,
    run: async (peer: Peer, { execArgv }: Place) => {
      const observations: Observation[] = [];
      for (const { payloadBytes, paces } of cases) {
        const spec = { peer: peer.name, groups: [{ channels, readers }], payloadBytes, execArgv };
        await Bed.with(spec, async (bed) => {
          for (const pace of paces) {
            const window = await measure(bed, size, { channels, payloadBytes, isVaried: true, pace });
            const { figures, ...rest } = observe(nameOf(readers, payloadBytes, pace), window);
            const { bytesPerDelivery } = window;
            observations.push({ ...rest, figures: { ...figures, bytesPerDelivery } });
          }
        });
      }
      return observations;
    },
  };
}

export const compressedFanOut: Scenario = {
  name: "compressed-fan-out",
  title: "Compressed fan-out: one channel, 1,000 readers with permessage-deflate",
  about:
    "As fan-out, flat out (at most 16 events or 16 KiB under way) or paced, with payloads like an application's and readers that offer permessage-deflate. Readers compare what they get byte by byte, and one of them inflates it.",
  isSpecial: true,
  bases: ["ws-deflate"],
  measures: [
    ...deliveryMeasures,
    { name: "bytesPerDelivery", title: "bytes received an event", unit: "B", better: "less" },
  ],
  plotted: ["deliveriesPerSecond"],
  targets: cases.flatMap(({ payloadBytes, paces }) =>
    paces.map((pace) => ({
      text: `compressed, ${nameOf(1000, payloadBytes, pace)}: at least 5 times ws with permessage-deflate`,
      case: nameOf(1000, payloadBytes, pace),
      measure: "deliveriesPerSecond",
      peer: "holdfast-deflate",
      base: "ws-deflate",
      atLeast: 5,
    })),
  ),
  trials: (size) => [trial(size)],
};
