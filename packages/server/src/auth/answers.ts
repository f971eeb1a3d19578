/** How long answers are remembered, and how many. */
export interface AnswerSettings {
  readonly cacheMs: number;
  readonly cacheEntriesMax: number;
}

interface Remembered<T> {
  readonly value: T;
  readonly user: string | undefined;
  readonly until: number;
}

/** An answer, and whom it is about. */
export interface Answer<T> {
  readonly value: T;
  readonly user: string | undefined;
}

/**
 * Answers that are remembered for a while, a bounded number of them. Who asks what is being asked already waits for the
 * same answer. Times are ms that have passed since some moment.
 */
export class Answers<T> {
  readonly #settings: AnswerSettings;
  readonly #passed: () => number;
  readonly #known = new Map<string, Remembered<T>>();
  readonly #asked = new Map<string, Promise<Answer<T>>>();
  #generation = 0;

  constructor(settings: AnswerSettings, passed: () => number) {
    this.#settings = settings;
    this.#passed = passed;
  }

  get size(): number {
    return this.#known.size;
  }

  /** The answer that is known, else the one that `ask` gives; its failure is remembered by nobody. */
  async of(key: string, ask: () => Promise<Answer<T>>): Promise<T> {
    const known = this.#known.get(key);
    if (known !== undefined && known.until > this.#passed()) return known.value;
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      asked = this.#ask(key, ask);
      this.#asked.set(key, asked);
    }
    return (await asked).value;
  }

  async #ask(key: string, ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
    const generation = this.#generation;
    const askedAt = this.#passed();
    try {
      const answer = await ask();
      // Forgotten meanwhile: what was asked before may be wrong by now.
      if (generation === this.#generation) this.#remember(key, answer, askedAt);
      return answer;
    } finally {
      if (generation === this.#generation) this.#asked.delete(key);
    }
  }

  #remember(key: string, { value, user }: Answer<T>, askedAt: number): void {
    const { cacheMs, cacheEntriesMax } = this.#settings;
    if (cacheMs === 0) return;
    this.#known.delete(key);
    // All are kept for the same time, so that the first in is the first to go.
    for (const [oldest, { until }] of this.#known) {
      if (this.#known.size < cacheEntriesMax && until > this.#passed()) break;
      this.#known.delete(oldest);
    }
    this.#known.set(key, { value, user, until: askedAt + cacheMs });
  }

  /** Forgets what is known about a user, and what is being asked about anybody: it may be about them. */
  forget(user: string | undefined): void {
    for (const [key, known] of this.#known) {
      if (user === undefined || known.user === user) this.#known.delete(key);
    }
    this.#generation++;
    this.#asked.clear();
  }
}
