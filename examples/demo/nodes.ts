import { randomInt } from "node:crypto";
import { type Broker, defaultRetention, MemoryBroker, type Retention } from "@holdfast/core/broker";
import { namespaceOf } from "@holdfast/protocol";
import { createHoldfast, type Holdfast, type Logger } from "@holdfast/server";
import type { Neighbourhood } from "./fleet/neighbourhood.ts";
import type { Access } from "./visitors/visitors.ts";

/** What each kind of channel keeps: enough for its example, and no more. */
const kept: Readonly<Record<string, Partial<Retention>>> = {
  "": { eventsMax: 600 },
  chat: { eventsMax: 500 },
  inbox: { eventsMax: 200 },
  job: { eventsMax: 1000, ageMsMax: 3_600_000 },
  deploy: { eventsMax: 100 },
  // Five minutes: who is away for longer is told of a gap.
  pulse: { eventsMax: 3000 },
  // Fifty seconds at 20 events a second, five at 200: a line that is cut for longer is told of a gap.
  bench: { eventsMax: 1000 },
};

/** The logs of this process, which all its nodes share. */
export function createLogs(): Broker {
  const letters = "abcdefghijklmnopqrstuvwxyz";
  return new MemoryBroker({
    clock: { now: () => Date.now() },
    epochSeed: Array.from({ length: 6 }, () => letters[randomInt(letters.length)]).join(""),
    retention: (channel) => ({ ...defaultRetention, ...kept[namespaceOf(channel)] }),
  });
}

/** Whoever started the demo looks at its page: the terminal is for what goes wrong. */
function logFrom(least: "warn" | "error"): Logger {
  return ({ level, message, ...fields }) => {
    if (level === "error" || level === least) console.error(message, fields);
  };
}

const limits = { eventBytesMax: 4096, messageBytesMax: 65_536, heartbeatMs: 5000 };

/** The node through which the application itself publishes and revokes; nobody connects to it. */
export function createOwnNode(broker: Broker, access: Access): Holdfast {
  return createHoldfast({ broker, limits, ...access, logger: logFrom("warn") });
}

/** A node behind the page's address, one of several. */
export function createPageNode(broker: Broker, access: Access, neighbourhood: Neighbourhood): Holdfast {
  const place = neighbourhood.enter();
  const node = createHoldfast({ broker, limits, ...access, neighbours: place, logger: logFrom("warn") });
  return {
    ...node,
    async close(how) {
      await node.close(how);
      place.left();
    },
  };
}

/** A node behind one of the bench's lines, used by the page on `pagePort`. */
export function createLaneNode(broker: Broker, access: Access, pagePort: number): Holdfast {
  return createHoldfast({
    broker,
    ...access,
    origins: ["127.0.0.1", "localhost"].map((name) => `http://${name}:${pagePort}`),
    // Short, so that a visitor sees a dead line noticed, and a slow one fill.
    limits: { heartbeatMs: 2000, connectionBufferBytesMax: 16_384 },
    // Being cut off is what happens to these: only what nobody asked for is worth a line.
    logger: logFrom("error"),
  });
}
