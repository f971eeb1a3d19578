import { type ExitCode, exitCodes } from "./exit-codes.ts";

const codes = { SIGINT: exitCodes.interrupted, SIGTERM: exitCodes.terminated } as const;

/** The wish to leave: the first signal is heeded, the second one ends the process at once. */
export class Interruption {
  readonly #controller = new AbortController();
  #exitCode: ExitCode | undefined;

  constructor() {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => this.#hear(codes[signal]));
  }

  /** Aborts at the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The code to end with, once there was a signal. */
  get exitCode(): ExitCode | undefined {
    return this.#exitCode;
  }

  #hear(code: ExitCode): void {
    if (this.#exitCode !== undefined) process.exit(code);
    this.#exitCode = code;
    this.#controller.abort();
  }
}
