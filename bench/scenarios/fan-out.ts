import { Bed } from "../bed/bed.ts";
import type { Peer } from "../peer.ts";
import type { Observation, Place, Scenario, Size, Trial } from "../scenario.ts";
import { scaled } from "../scenario.ts";
import type { Pace } from "../serve/publisher.ts";
import { measure, observe } from "./window.ts";

const channels = ["bench"];

const paces: Readonly<Record<string, Pace>> = {
  "flat out": { kind: "flat-out", eventsMax: 64, bytesMax: 32 * 1024 },
  paced: { kind: "turns" },
};

/** Large payloads tell enough at one number of readers. */
const combinations = [
  { readers: 100, payloads: [128] },
  { readers: 1000, payloads: [128, 4096] },
  { readers: 10_000, payloads: [128] },
];

function trial(size: Size, { readers: wanted, payloads }: (typeof combinations)[number]): Trial {
  const readers = scaled(wanted, size);
  return {
    name: `${readers} readers`,
    run: async (peer: Peer, { execArgv }: Place) => {
      const observations: Observation[] = [];
      for (const payloadBytes of payloads) {
        const spec = { peer: peer.name, groups: [{ channels, readers }], payloadBytes, execArgv };
        await Bed.with(spec, async (bed) => {
          for (const [name, pace] of Object.entries(paces)) {
            const window = await measure(bed, size, { channels, payloadBytes, pace });
            observations.push(observe(`${name}, ${readers} readers, ${payloadBytes} B`, window));
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
    "A publisher in the server's process appends to one channel that all readers read: flat out (at most 64 events or 32 KiB in a turn of the event loop), or paced, one event a turn.",
  bases: ["ws", "better-sse"],
  measures: [
    { name: "deliveriesPerSecond", title: "deliveries/s", unit: "/s", better: "more" },
    { name: "deliveriesPerCpuSecond", title: "deliveries per server CPU second", unit: "/s", better: "more" },
    { name: "eventsPerRead", title: "events a socket read", unit: "", better: "more" },
  ],
  plotted: ["deliveriesPerSecond"],
  targets: [],
  trials: (size) => combinations.map((combination) => trial(size, combination)),
};
