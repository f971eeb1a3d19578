import { Bed } from "../bed/bed.ts";
import type { Observation, Scenario } from "../scenario.ts";
import { formatCount, scaled } from "../scenario.ts";
import { measure, notesOn, spentIn } from "./window.ts";

const channels = ["bench"];
const payloadBytes = 128;
/** Events a second, each to all readers. */
const rates = [25, 50, 100];
/** A window holds few events, so it is longer than elsewhere. */
const stretch = 2.5;

const percentiles = { p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999, max: 1 } as const;

export const latency: Scenario = {
  name: "latency",
  title: "Delivery latency at fixed rates",
  about:
    "One channel, 1,000 readers, so many events a second. An event's delay runs from the moment at which it was due, not from when it was sent at last, so that a stall counts for all that it holds up (no coordinated omission).",
  bases: ["ws", "better-sse"],
  measures: [
    { name: "p50", title: "p50", unit: "ms", better: "less" },
    { name: "p90", title: "p90", unit: "ms", better: "less" },
    { name: "p99", title: "p99", unit: "ms", better: "less" },
    { name: "p999", title: "p99.9", unit: "ms", better: "less" },
    { name: "max", title: "max", unit: "ms", better: "less" },
  ],
  plotted: ["p50", "p99", "p999"],
  targets: [
    {
      text: "p99 at 50,000 deliveries/s no worse than ws",
      case: "50,000 deliveries/s",
      measure: "p99",
      peer: "holdfast",
      base: "ws",
      atMost: 1,
    },
  ],
  trials: (size) => {
    const readers = scaled(1000, size);
    return [
      {
        name: `${formatCount(readers)} readers`,
        run: async ({ name: peer }, { execArgv }) => {
          const spec = { peer, groups: [{ channels, readers }], payloadBytes, isTimed: true, execArgv };
          return await Bed.with(spec, async (bed) => {
            const observations: Observation[] = [];
            for (const perSecond of rates) {
              const pace = { kind: "rate", perSecond } as const;
              const long = { ...size, windowMs: size.windowMs * stretch };
              const window = await measure(bed, long, { channels, payloadBytes, pace });
              observations.push({
                case: `${formatCount(readers * perSecond)} deliveries/s`,
                spent: spentIn(window),
                lost: window.lost,
                notes: notesOn(window),
                figures: Object.fromEntries(
                  Object.entries(percentiles).map(([name, share]) => [
                    name,
                    window.delays.quantile(share) / 1000,
                  ]),
                ),
              });
            }
            return observations;
          });
        },
      },
    ];
  },
};
