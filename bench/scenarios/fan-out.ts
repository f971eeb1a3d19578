import { Bed } from "../bed/bed.ts";
import type { Peer } from "../peer.ts";
import type { Observation, Place, Scenario, Size, Trial } from "../scenario.ts";
import { formatCount, scaled } from "../scenario.ts";
import type { Pace } from "../serve/publisher.ts";
import { deliveryMeasures, measure, observe } from "./window.ts";

const channels = ["bench"];

const paces: Readonly<Record<string, Pace>> = {
  "flat out": { kind: "witnessed", eventsMax: 64, bytesMax: 32 * 1024 },
  paced: { kind: "witnessed", eventsMax: 1, bytesMax: 0 },
};

/** Large payloads tell enough at one number of readers. */
const combinations = [
  { readers: 100, payloads: [128] },
  { readers: 1000, payloads: [128, 4096] },
  { readers: 10_000, payloads: [128] },
];

function caseName(pace: string, readers: number, payloadBytes: number): string {
  return `${pace}, ${formatCount(readers)} readers, ${formatCount(payloadBytes)} B`;
}

function trial(size: Size, { readers: wanted, payloads }: (typeof combinations)[number]): Trial {
  const readers = scaled(wanted, size);
  return {
    name: `${formatCount(readers)} readers`,
    run: async (peer: Peer, { execArgv }: Place) => {
      const observations: Observation[] = [];
      for (const payloadBytes of payloads) {
        const spec = { peer: peer.name, groups: [{ channels, readers }], payloadBytes, execArgv };
        await Bed.with(spec, async (bed) => {
          for (const [name, pace] of Object.entries(paces)) {
            const window = await measure(bed, size, { channels, payloadBytes, pace });
            observations.push(observe(caseName(name, readers, payloadBytes), window));
          }
        });
      }
      return observations;
    },
  };
}

export const fanOut: Scenario = {
  name: "fan-out",
  title: "Fan-out: one channel, many readers",
  about:
    "A publisher in the server's process appends to one channel that all readers read. Flat out, at most 64 events or 32 KiB are under way: more are published when a reader that connected last has seen these. Paced, it is one event at a time.",
  bases: ["ws", "better-sse"],
  measures: deliveryMeasures,
  plotted: ["deliveriesPerSecond"],
  targets: [
    ...["socket.io", "ws"].map((base) => ({
      text: `flat out to 1,000 readers: at least 5 times ${base}`,
      case: caseName("flat out", 1000, 128),
      measure: "deliveriesPerSecond",
      peer: "holdfast",
      base,
      atLeast: 5,
    })),
    {
      text: "one event at a time to 1,000 readers: at least 0.9 times a bare net loop",
      case: caseName("paced", 1000, 128),
      measure: "deliveriesPerSecond",
      peer: "holdfast",
      base: "net",
      atLeast: 0.9,
    },
    ...Object.keys(paces).map((pace) => ({
      text: `SSE, ${pace}: at least 1.5 times better-sse`,
      case: caseName(pace, 1000, 128),
      measure: "deliveriesPerSecond",
      peer: "holdfast-sse",
      base: "better-sse",
      atLeast: 1.5,
    })),
    ...Object.keys(paces).map((pace) => ({
      text: `${pace}: a delivery to 10,000 readers costs at most 1.3 times one to 100`,
      case: caseName(pace, 100, 128),
      measure: "deliveriesPerCpuSecond",
      peer: "holdfast",
      baseCase: caseName(pace, 10_000, 128),
      atMost: 1.3,
    })),
  ],
  trials: (size) => combinations.map((combination) => trial(size, combination)),
};
