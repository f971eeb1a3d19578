import { brokerConformance } from "@holdfast/testkit";
import { MemoryBroker } from "./memory.ts";

brokerConformance("memory", async (retention) => {
  let now = 1_790_000_000_000;
  return {
    broker: new MemoryBroker({ clock: { now: () => now }, epochSeed: "k3v9x2", retention: () => retention }),
    advance(ms) {
      now += ms;
    },
  };
});
