/** Whether anybody wants a link: a user who leaves is often followed by another one at once. */
export class Demand {
  readonly #lingerMs: number;
  #phase: "idle" | "wanted" | "lingering" = "idle";
  #lingersUntil = Infinity;

  constructor(lingerMs: number) {
    this.#lingerMs = lingerMs;
  }

  /** `lingering`: nobody wants it, but what is there is kept for a moment. */
  get phase(): "idle" | "wanted" | "lingering" {
    return this.#phase;
  }

  /** When what lingers is to be let go. */
  get deadline(): number {
    return this.#phase === "lingering" ? this.#lingersUntil : Infinity;
  }

  /** Told whether somebody wants a link now, and whether there is one to keep. */
  update(isWanted: boolean, isThere: boolean, now: number): void {
    if (isWanted) {
      this.#phase = "wanted";
      return;
    }
    if (this.#phase === "wanted") this.#lingersUntil = now + this.#lingerMs;
    const isKept = this.#phase !== "idle" && isThere && this.#lingersUntil > now;
    this.#phase = isKept ? "lingering" : "idle";
  }

  /** Nobody wants anything any more. */
  end(): void {
    this.#phase = "idle";
  }
}
