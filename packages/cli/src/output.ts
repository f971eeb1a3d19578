import type { Writable } from "node:stream";

/** Stdout, which may be slow, and whose reader may leave. */
export class Output {
  readonly #stream: Writable & { readonly isTTY?: boolean };
  readonly #gone = new AbortController();
  #draining: Promise<void> | undefined;

  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#stream = stream;
    stream.on("error", () => this.#gone.abort());
  }

  /** Whether a person reads it. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Aborts when nobody reads any more, as after `| head -n 1`; what is written then is dropped. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  /** Writes, and resolves when there is room for more. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.gone.aborted || this.#stream.write(chunk)) return;
    await this.#whenDrained();
  }

  /** Resolves when everything has been taken, or nobody is there to take it. */
  async end(): Promise<void> {
    if (this.gone.aborted) return;
    await new Promise<void>((resolve) => {
      this.gone.addEventListener("abort", () => resolve(), { once: true });
      this.#stream.write("", () => resolve());
    });
  }

  /** One promise for all who wait, as there may be one for each of a thousand channels. */
  #whenDrained(): Promise<void> {
    this.#draining ??= new Promise<void>((resolve) => {
      const go = () => {
        this.#draining = undefined;
        this.#stream.off("drain", go);
        this.gone.removeEventListener("abort", go);
        resolve();
      };
      this.#stream.once("drain", go);
      this.gone.addEventListener("abort", go);
    });
    return this.#draining;
  }
}

export const stdout = new Output(process.stdout);
/** Nobody is left to be told that stderr is closed. */
process.stderr.on("error", () => {});

/** Tells the person at the terminal something; never on stdout, which is for data. */
export function note(sentence: string): void {
  process.stderr.write(`holdfast: ${sentence}\n`);
}
