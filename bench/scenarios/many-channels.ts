import { Bed } from "../bed/bed.ts";
import type { Group } from "../load/crew.ts";
import type { Scenario } from "../scenario.ts";
import { formatCount, scaled } from "../scenario.ts";
import type { Pace } from "../serve/publisher.ts";
import { deliveryMeasures, measure, observe } from "./window.ts";

/** Below this, a connection could meet a channel twice. */
const channelsMin = 60;
const channelsPerConnection = 10;
const payloadBytes = 128;
const pace: Pace = { kind: "flat-out", eventsMax: 1000, bytesMax: 1024 * 1024 };

/** Deals out channels that have one, two or three readers, ten to a connection. */
function connectionsOf(channels: readonly string[]): Group[] {
  const wanted = [0, 1, 2].flatMap((turn) => channels.filter((_, index) => index % 3 >= turn));
  const groups: Group[] = [];
  for (let at = 0; at < wanted.length; at += channelsPerConnection) {
    groups.push({ channels: wanted.slice(at, at + channelsPerConnection), readers: 1 });
  }
  return groups;
}

export const manyChannels: Scenario = {
  name: "many-channels",
  title: "Many channels with few readers each",
  about:
    "Every channel has one, two or three readers, and every connection reads ten channels. A publisher in the server's process appends to all channels by turns, flat out: at most 1,000 events in a turn of the event loop, each to another channel.",
  bases: ["ws", "better-sse"],
  measures: deliveryMeasures,
  plotted: ["deliveriesPerSecond"],
  targets: [],
  trials: (size) => {
    const count = scaled(10_000, size, channelsMin);
    const channels = Array.from({ length: count }, (_, index) => `channel-${index}`);
    const groups = connectionsOf(channels);
    const name = `${formatCount(count)} channels`;
    return [
      {
        name,
        run: async ({ name: peer }, { execArgv }) =>
          await Bed.with({ peer, groups, payloadBytes, execArgv }, async (bed) => [
            observe(name, await measure(bed, size, { channels, payloadBytes, pace })),
          ]),
      },
    ];
  },
};
