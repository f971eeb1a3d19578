import { PublishingBed } from "../bed/publishing-bed.ts";
import type { Scenario, Size, Trial } from "../scenario.ts";
import { scaled } from "../scenario.ts";
import { notesOn, spentIn } from "./window.ts";

const payloadBytes = 128;
const inFlight = 16;

const ways = [
  { over: "HTTP", batch: 1 },
  { over: "HTTP", batch: 100 },
  { over: "WebSocket", batch: 1 },
  { over: "WebSocket", batch: 100 },
] as const;

function trial(size: Size, { over, batch }: (typeof ways)[number]): Trial {
  const name = `${over}, ${batch === 1 ? "one event" : `${batch} events`} a ${over === "HTTP" ? "request" : "message"}`;
  const channels = Array.from({ length: scaled(16, size) }, (_, index) => `channel-${index}`);
  return {
    name,
    refusal({ publishing, notPublishing }) {
      const way = publishing?.find((one) => one.over === over);
      if (way === undefined) return notPublishing?.[over] ?? `it knows no publishing over ${over}`;
      return way.over === "WebSocket" && batch > 1 ? way.onlySingle : undefined;
    },
    run: async ({ name: peer }, { execArgv }) => {
      const spec = { peer, over, channels, payloadBytes, batch, inFlight, execArgv };
      return await PublishingBed.with(spec, async (bed) => {
        await bed.run(size.warmUpMs);
        const window = await bed.run(size.windowMs);
        const { acknowledged, seconds, serverCpuSeconds: cpu, delays } = window;
        const figures = {
          acknowledgedPerSecond: acknowledged / seconds,
          ackP50: delays.quantile(0.5) / 1000,
          ackP99: delays.quantile(0.99) / 1000,
          ...(cpu ? { acknowledgedPerCpuSecond: acknowledged / cpu } : {}),
        };
        return [{ case: name, spent: spentIn(window), lost: window.lost, notes: notesOn(window), figures }];
      });
    },
  };
}

export const publishing: Scenario = {
  name: "publishing",
  title: "Publishing, acknowledged",
  about:
    "16 clients publish, each to a channel of its own that one reader reads: over HTTP with one request under way on a kept connection, over WebSocket with 16 messages under way. Each sends the next when one was acknowledged; what was acknowledged must arrive at the readers, in order and once.",
  bases: ["ws", "better-sse"],
  measures: [
    { name: "acknowledgedPerSecond", title: "acknowledged events/s", unit: "/s", better: "more" },
    {
      name: "acknowledgedPerCpuSecond",
      title: "acknowledged events per server CPU second",
      unit: "/s",
      better: "more",
    },
    { name: "ackP50", title: "acknowledgement p50", unit: "ms", better: "less" },
    { name: "ackP99", title: "acknowledgement p99", unit: "ms", better: "less" },
  ],
  plotted: ["acknowledgedPerSecond"],
  targets: [],
  trials: (size) => ways.map((way) => trial(size, way)),
};
