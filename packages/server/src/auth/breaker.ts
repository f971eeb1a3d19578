/** When a circuit opens, and for how long. */
export interface BreakerSettings {
  /** Failures one after the other that open it. */
  readonly failuresMax: number;
  /** How long nothing is tried then, in ms. */
  readonly pauseMs: number;
}

/**
 * A circuit breaker: after some failures in a row nothing is tried for a while, then one call finds out whether it works
 * again. Times are ms that have passed since some moment, however the clock was set.
 */
export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #passed: () => number;
  #failures = 0;
  #openUntil = Number.NEGATIVE_INFINITY;
  #isProbing = false;

  constructor(settings: BreakerSettings, passed: () => number) {
    this.#settings = settings;
    this.#passed = passed;
  }

  get #isOpen(): boolean {
    return this.#failures >= this.#settings.failuresMax;
  }

  /** How long to wait before a call has a chance, in ms; 0: it may be made, and its end must be told. */
  admit(): number {
    if (!this.#isOpen) return 0;
    const left = this.#openUntil - this.#passed();
    if (left > 0) return left;
    if (this.#isProbing) return this.#settings.pauseMs;
    this.#isProbing = true;
    return 0;
  }

  /** Returns whether it was open until now. */
  succeeded(): boolean {
    const wasOpen = this.#isOpen;
    this.#failures = 0;
    this.#isProbing = false;
    return wasOpen;
  }

  /** Returns whether this has opened it. */
  failed(): boolean {
    const wasOpen = this.#isOpen;
    this.#failures++;
    this.#isProbing = false;
    if (this.#isOpen) this.#openUntil = this.#passed() + this.#settings.pauseMs;
    return this.#isOpen && !wasOpen;
  }
}
