import type { Origin } from "./machine.ts";
import type { Observation } from "./scenario.ts";

/** One run of one peer in one trial. */
export interface Run {
  readonly run: number;
  readonly peer: string;
  readonly trial: string;
  readonly observations: readonly Observation[];
  /** Why it came to no end, if it did not. */
  readonly failure?: string;
}

/** A peer that does not take part, and why. */
export interface Refusal {
  readonly peer: string;
  /** Absent: in none of them. */
  readonly trial?: string;
  readonly reason: string;
}

/** All that was measured in one scenario, as it is kept. Tables and plots are made from this alone. */
export interface Result {
  readonly scenario: string;
  readonly origin: Origin;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly tookMs: number;
  readonly options: {
    readonly runs: number;
    readonly scale: number;
    readonly windowMs: number;
    readonly warmUpMs: number;
  };
  readonly refusals: readonly Refusal[];
  readonly runs: readonly Run[];
}
