import type { Deadlines } from "./deadlines.ts";

/** Connections that have been told to end, and have not ended yet. */
export class Farewells {
  readonly #deadlines: Deadlines;
  readonly #timeoutMs: number;
  readonly #cuts = new Set<() => void>();

  /** `timeoutMs`: how long a client may take to read its farewell, and to answer it where that is asked. */
  constructor(deadlines: Deadlines, timeoutMs: number) {
    this.#deadlines = deadlines;
    this.#timeoutMs = timeoutMs;
  }

  get size(): number {
    return this.#cuts.size;
  }

  /** Counts a connection until the returned function is called; `cut` is called when it takes too long. */
  begin(cut: () => void): () => void {
    this.#cuts.add(cut);
    const cancel = this.#deadlines.after(this.#timeoutMs, cut);
    return () => {
      cancel();
      this.#cuts.delete(cut);
    };
  }

  /** Cuts all that are left, and returns how many. */
  cut(): number {
    const { size } = this.#cuts;
    for (const cut of this.#cuts) cut();
    return size;
  }
}
