import type { ErrorCode, HoldfastError } from "@holdfast/protocol";

/** What the exit code of `holdfast` says; shown by `--help`. */
export const exitCodes = {
  done: 0,
  /** A fault of this program. */
  fault: 1,
  /** The command line, the environment, the config file or the input is wrong. */
  mistake: 2,
  /** The server cannot be reached, or cannot serve now: the same again may work later. */
  unavailable: 3,
  /** The server wants another token, or this one may not do that. */
  denied: 4,
  /** The server refused what was asked; the same again would be refused as well. */
  refused: 5,
  /** `--if-match` did not hold: something came since. */
  overtaken: 6,
  /** With `--strict`: events were lost. */
  gap: 7,
  /** `serve` cannot listen where it should. */
  cannotListen: 8,
  /** 128 and the number of the signal, as shells have it. */
  hungUp: 129,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

const ofOutcome: Partial<Record<ErrorCode, ExitCode>> = {
  forbidden: exitCodes.denied,
  precondition_failed: exitCodes.overtaken,
};

/** The exit code for an outcome: by what a client may do about it. */
export function exitCodeOf(error: HoldfastError): ExitCode {
  const own = ofOutcome[error.code];
  if (own !== undefined) return own;
  if (error.retry === "retry") return exitCodes.unavailable;
  return error.retry === "reauthenticate" ? exitCodes.denied : exitCodes.refused;
}

/** Ends the command: a sentence for each thing that is wrong, and the exit code. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: ExitCode;
  readonly sentences: readonly string[];

  constructor(exitCode: ExitCode, sentences: string | readonly string[], cause?: unknown) {
    const all = typeof sentences === "string" ? [sentences] : sentences;
    super(all.join("\n"), cause === undefined ? {} : { cause });
    this.exitCode = exitCode;
    this.sentences = all;
  }
}
