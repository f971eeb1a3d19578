import type { HoldfastError } from "@holdfast/protocol";
import type { Deadlines, Timed } from "./deadlines.ts";

/** One call that has not been answered. */
interface Call {
  /** By what has passed: a clock that was set must neither keep a call waiting nor cut it short. */
  readonly giveUpAt: number;
  giveUp(): void;
}

const never = Number.POSITIVE_INFINITY;

/**
 * Calls of one kind, each of which settles within the same deadline. They are kept in the order in which they were made,
 * which is that of their deadlines: one look finds those that are due.
 */
export class Calls implements Timed {
  readonly #deadlines: Deadlines;
  readonly #deadlineMs: number;
  readonly #open = new Set<Call>();

  constructor(deadlines: Deadlines, deadlineMs: number) {
    this.#deadlines = deadlines;
    this.#deadlineMs = deadlineMs;
    deadlines.add(this);
  }

  get deadline(): number {
    for (const { giveUpAt } of this.#open) return this.#deadlines.deadlineFor(giveUpAt);
    return never;
  }

  tick(): void {
    const now = this.#deadlines.passed();
    for (const call of this.#open) {
      if (call.giveUpAt > now) return;
      this.#open.delete(call);
      call.giveUp();
    }
  }

  /** Settles as the answer does, or rejects with `late()` at the deadline; what comes later is given to `tooLate`. */
  settle<T>(
    answer: Promise<T>,
    late: () => HoldfastError,
    tooLate: (value: T) => void = () => {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const call = this.#begin(() => reject(late()));
      answer.then(
        (value) => {
          if (this.#open.delete(call)) resolve(value);
          else tooLate(value);
        },
        (error: unknown) => {
          this.#open.delete(call);
          reject(error);
        },
      );
    });
  }

  #begin(giveUp: () => void): Call {
    const call = { giveUpAt: this.#deadlines.passed() + this.#deadlineMs, giveUp };
    this.#open.add(call);
    if (this.#open.size === 1) this.#deadlines.expect(this, this.deadline);
    return call;
  }
}
