/** Lets so many in at once; others wait their turn. */
export class Slots {
  readonly #max: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Resolves with what gives the place back, or with undefined where none became free within `withinMs`. */
  enter(withinMs: number): Promise<(() => void) | undefined> {
    if (this.#taken < this.#max) return Promise.resolve(this.#take());
    return new Promise((resolve) => {
      const turn = () => {
        clearTimeout(timer);
        this.#waiting.delete(turn);
        resolve(this.#take());
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(turn);
        resolve(undefined);
      }, withinMs);
      this.#waiting.add(turn);
    });
  }

  #take(): () => void {
    this.#taken++;
    return () => {
      this.#taken--;
      for (const turn of this.#waiting) {
        turn();
        return;
      }
    };
  }
}
