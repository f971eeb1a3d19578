import type { Scenario } from "../scenario.ts";
import { catchUp } from "./catch-up.ts";
import { churn } from "./churn.ts";
import { compressedFanOut } from "./compressed-fan-out.ts";
import { connectStorm } from "./connect-storm.ts";
import { fanOut } from "./fan-out.ts";
import { idleMemory } from "./idle-memory.ts";
import { jitter } from "./jitter.ts";
import { latency } from "./latency.ts";
import { manyChannels } from "./many-channels.ts";
import { manyConnections } from "./many-connections.ts";
import { publishing } from "./publishing.ts";
import { slowReaders } from "./slow-readers.ts";

/** All questions, in the order in which they are asked. */
export const scenarios: readonly Scenario[] = [
  fanOut,
  manyChannels,
  latency,
  idleMemory,
  churn,
  manyConnections,
  connectStorm,
  jitter,
  slowReaders,
  catchUp,
  compressedFanOut,
  publishing,
];
