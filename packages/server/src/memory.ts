import { MemoryBroker } from "@holdfast/core/broker";
import { controlChannels } from "@holdfast/core/server";
import { namespaceOf } from "@holdfast/protocol";
import { drawText } from "./draw.ts";
import { thrownField } from "./log.ts";
import type { Node } from "./node.ts";

/** How often logs that nobody writes to are relieved of what retention no longer keeps. */
const sweepEveryMs = 30_000;

/** The log in this process, for a node that was given no other, or for several that share it. */
export function keepInMemory({
  clock,
  settings,
  deadlines,
  log,
}: Pick<Node, "clock" | "settings" | "deadlines" | "log">): MemoryBroker {
  const broker = new MemoryBroker({
    clock,
    epochSeed: drawText(6),
    retention: (channel) => settings.namespace(namespaceOf(channel)).retention,
    limits: settings.memory,
    // Nobody publishes there for long, and what was revoked must not be forgotten for it.
    keeps: (channel) => channel === controlChannels.revocations,
    observerFailed: (error, channel) =>
      log({ level: "error", message: "A follower of a log failed.", channel, error: thrownField(error) }),
  });
  const sweep = {
    deadline: clock.now() + sweepEveryMs,
    tick(now: number) {
      sweep.deadline = now + sweepEveryMs;
      broker.sweep();
    },
  };
  deadlines.add(sweep);
  return broker;
}
