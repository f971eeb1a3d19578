/** What one lane's events say about the promises that were made. */
export interface Judgement {
  /** Distinct events that came. */
  readonly seen: number;
  /** Events that neither came nor were told to be missing. */
  readonly lost: number;
  /** Events that a gap told to be missing, and how many gaps there were. */
  readonly told: number;
  readonly gaps: number;
  readonly repeated: number;
  /** Events that came after a later one. */
  readonly misplaced: number;
}

/** What was lost came after all, out of its order. */
const afterAll = { seen: 1, lost: -1, misplaced: 1 };

/** Lost numbers that are remembered, in case they come late. */
const lostMax = 10_000;

/** Judges a lane by the numbers that the server wrote into the events: 1, 2, 3 and so on. */
export class Ledger {
  #last: number | undefined;
  #gapToldSince = false;
  #otherLog = false;
  readonly #lost = new Set<number>();
  #judgement: Judgement = { seen: 0, lost: 0, told: 0, gaps: 0, repeated: 0, misplaced: 0 };

  get judgement(): Judgement {
    return this.#judgement;
  }

  /** The highest number that came. */
  get last(): number {
    return this.#last ?? 0;
  }

  /** Starts counting anew after what was seen last. */
  reset(): void {
    this.#lost.clear();
    this.#judgement = { seen: 0, lost: 0, told: 0, gaps: 0, repeated: 0, misplaced: 0 };
  }

  /** A gap was told: the hole before the next event is no loss. `isOtherLog` when the numbers start anew. */
  gap(isOtherLog: boolean): void {
    this.#gapToldSince = true;
    this.#otherLog ||= isOtherLog;
    this.#add({ gaps: 1 });
  }

  // #region judge
  take(number: number): void {
    const expected = this.#otherLog ? number : (this.#last ?? number - 1) + 1;
    if (number < expected) {
      const isLate = this.#lost.delete(number);
      this.#add(isLate ? afterAll : { repeated: 1 });
      return;
    }
    const missing = number - expected;
    if (this.#gapToldSince) this.#add({ told: missing });
    else if (missing > 0) this.#lose(expected, number);
    this.#add({ seen: 1 });
    this.#last = number;
    this.#gapToldSince = this.#otherLog = false;
  }
  // #endregion

  #lose(from: number, to: number): void {
    this.#add({ lost: to - from });
    for (let number = from; number < to && this.#lost.size < lostMax; number++) this.#lost.add(number);
  }

  #add(change: Partial<Judgement>): void {
    const sum = { ...this.#judgement };
    for (const [name, count] of Object.entries(change)) sum[name as keyof Judgement] += count;
    this.#judgement = sum;
  }
}
