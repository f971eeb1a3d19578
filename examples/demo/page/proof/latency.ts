/** The newest delays of one lane. */
export class Latency {
  readonly #delays: number[] = [];
  readonly #size: number;
  #at = 0;

  constructor(size = 512) {
    this.#size = size;
  }

  add(ms: number): void {
    this.#delays[this.#at] = ms;
    this.#at = (this.#at + 1) % this.#size;
  }

  clear(): void {
    this.#delays.length = 0;
    this.#at = 0;
  }

  /** The delays that these fractions of the events did not exceed, in ms; undefined when there were none. */
  quantiles(...fractions: number[]): (number | undefined)[] {
    const sorted = this.#delays.toSorted((a, b) => a - b);
    return fractions.map((fraction) => sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)]);
  }
}
