import { HoldfastError, type Limits } from "@holdfast/protocol";

const windowMs = 60_000;

/** The tokens that a client brings on one connection, of which only so many are looked at in a minute. Rule EXP-6. */
export class Renewals {
  readonly #max: number;
  readonly #refused: (limit: keyof Limits) => void;
  #since = Number.NEGATIVE_INFINITY;
  #count = 0;
  #last: Promise<void> = Promise.resolve();

  /** `refused` is told of each that is not looked at, and why. */
  constructor({ renewalsPerMinuteMax }: Limits, refused: (limit: keyof Limits) => void) {
    this.#max = renewalsPerMinuteMax;
    this.#refused = refused;
  }

  /**
   * Renews after the renewals before it, so that the last token said is the one that counts. Rejects as `renew` does,
   * or with `rate_limited`, in its turn.
   */
  inTurn(now: number, renew: () => Promise<void>): Promise<void> {
    const refusal = this.#refusal(now);
    const renewed = this.#last.then(() => {
      if (refusal !== undefined) throw refusal;
      return renew();
    });
    this.#last = renewed.catch(() => {});
    return renewed;
  }

  #refusal(now: number): HoldfastError | undefined {
    // Also where the clock was set back: nobody waits for longer than a window.
    if (Math.abs(now - this.#since) >= windowMs) {
      this.#since = now;
      this.#count = 0;
    }
    if (this.#count < this.#max) {
      this.#count++;
      return undefined;
    }
    this.#refused("renewalsPerMinuteMax");
    return new HoldfastError(
      "rate_limited",
      `A connection may bring ${this.#max} tokens in a minute (renewalsPerMinuteMax).`,
      {
        limit: "renewalsPerMinuteMax",
        retryAfterMs: Math.max(0, this.#since + windowMs - now),
      },
    );
  }
}
