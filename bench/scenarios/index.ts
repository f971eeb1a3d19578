import type { Scenario } from "../scenario.ts";
import { compressedFanOut } from "./compressed-fan-out.ts";
import { fanOut } from "./fan-out.ts";
import { latency } from "./latency.ts";
import { manyChannels } from "./many-channels.ts";
import { publishing } from "./publishing.ts";

/** All questions, in the order in which they are asked. */
export const scenarios: readonly Scenario[] = [fanOut, manyChannels, latency, compressedFanOut, publishing];
