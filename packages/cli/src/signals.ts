import { isatty } from "node:tty";
import { exitCodes } from "./exit-codes.ts";

const leaving: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
};

/**
 * What a server is told by signals. Each is handled from the start: as the first process of a container nothing has an
 * effect that is not.
 */
export class Signals {
  /** Resolves at the first one that says to leave; the second one leaves at once. */
  readonly asked: Promise<NodeJS.Signals>;
  #isServing = false;
  #ask: (signal: NodeJS.Signals) => void = () => {};
  #isAsked = false;
  #reload: (() => void) | undefined;
  readonly #hasTerminal: boolean;

  constructor(hasTerminal = isatty(0)) {
    this.#hasTerminal = hasTerminal;
    this.asked = new Promise((resolve) => {
      this.#ask = resolve;
    });
    for (const [signal, code] of Object.entries(leaving)) {
      process.on(signal, () => this.#leave(signal as NodeJS.Signals, code));
    }
    process.on("SIGHUP", () => this.#hangUp());
  }

  /** From now on there are clients to be let go first. */
  serving(reload: () => void): void {
    this.#isServing = true;
    this.#reload = reload;
  }

  /** A terminal that is closed takes what runs in it along; elsewhere it means to read anew what may have changed. */
  #hangUp(): void {
    if (this.#hasTerminal) this.#leave("SIGHUP", exitCodes.hungUp);
    else this.#reload?.();
  }

  #leave(signal: NodeJS.Signals, code: number): void {
    if (!this.#isServing || this.#isAsked) process.exit(code);
    this.#isAsked = true;
    this.#ask(signal);
  }
}
