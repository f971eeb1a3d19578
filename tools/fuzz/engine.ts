import fc from "fast-check";
import type { FuzzTarget } from "./target.ts";

export interface FuzzFailure {
  /** Begin with it to meet the failure again. */
  readonly seed: number;
  /** The smallest input found that fails, as source text. */
  readonly input: string;
  readonly error: string;
}

export interface FuzzReport {
  readonly executions: number;
  readonly failure?: FuzzFailure;
}

export interface FuzzOptions {
  readonly seed: number;
  /** Asked before every batch. */
  readonly goOn: (executions: number) => boolean;
  /** Is shown every input before it is run, with the seed of its batch. */
  readonly watch?: (seed: number, input: unknown) => void;
}

/** Each batch has the seed after that of the batch before, so that a failure is replayed without what preceded it. */
const batchExecutions = 500;

/** Runs a target until it fails, or until `goOn` has enough. */
export function fuzz(target: FuzzTarget, { seed: firstSeed, goOn, watch }: FuzzOptions): FuzzReport {
  let executions = 0;
  let seed = firstSeed;
  const property = fc.property(target.input, (input) => {
    executions++;
    watch?.(seed, input);
    target.run(input as never);
  });
  for (; goOn(executions); seed++) {
    const { failed, counterexample, errorInstance } = fc.check(property, { seed, numRuns: batchExecutions });
    if (failed) {
      const error =
        errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : errorInstance;
      return {
        executions,
        failure: { seed, input: fc.stringify(counterexample?.[0]), error: String(error) },
      };
    }
  }
  return { executions };
}
