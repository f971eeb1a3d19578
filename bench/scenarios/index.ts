import type { Scenario } from "../scenario.ts";
import { fanOut } from "./fan-out.ts";

/** All questions, in the order in which they are asked. */
export const scenarios: readonly Scenario[] = [fanOut];
