import type { Scenario } from "../scenario.ts";
import { catchUp } from "./catch-up.ts";
import { compressedFanOut } from "./compressed-fan-out.ts";
import { connectStorm } from "./connect-storm.ts";
import { fanOut } from "./fan-out.ts";
import { idleMemory } from "./idle-memory.ts";
import { jitter } from "./jitter.ts";
import { latency } from "./latency.ts";
import { manyChannels } from "./many-channels.ts";
import { publishing } from "./publishing.ts";

/** All questions, in the order in which they are asked. */
export const scenarios: readonly Scenario[] = [
  fanOut,
  manyChannels,
  latency,
  idleMemory,
  connectStorm,
  jitter,
  catchUp,
  compressedFanOut,
  publishing,
];
