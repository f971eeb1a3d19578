/** Collects values and lets a test wait for so many of them. */
export class Collected<T> {
  readonly values: T[] = [];
  #waiting: { count: number; resolve: () => void } | undefined;

  push(value: T): void {
    this.values.push(value);
    if (this.#waiting !== undefined && this.values.length >= this.#waiting.count) this.#waiting.resolve();
  }

  async reach(count: number): Promise<T[]> {
    if (this.values.length < count)
      await new Promise<void>((resolve) => (this.#waiting = { count, resolve }));
    return this.values;
  }
}
