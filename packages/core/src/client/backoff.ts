import type { Timing } from "./timing.ts";

type Bounds = Pick<Timing, "backoffBaseMs" | "backoffCapMs" | "stableMs" | "serverDelayCapMs">;

/** How long to wait between attempts: exponential, with full jitter, capped. Rule CLI-8. */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #stableMs: number;
  readonly #serverDelayCapMs: number;
  readonly #random: () => number;
  #failures = 0;

  /** `random` yields numbers from 0 up to, but not including, 1. */
  constructor(timing: Bounds, random: () => number, capMs = timing.backoffCapMs) {
    this.#baseMs = timing.backoffBaseMs;
    this.#capMs = capMs;
    this.#stableMs = timing.stableMs;
    this.#serverDelayCapMs = timing.serverDelayCapMs;
    this.#random = random;
  }

  /** Failures since things were last well. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure and returns the delay before the next attempt; one that the server gave wins. */
  next(serverDelayMs?: number): number {
    // The exponent is bounded because 2 ** 1024 is Infinity, and Infinity * 0 is no delay.
    const boundMs = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return serverDelayMs === undefined ? this.#random() * boundMs : this.given(serverDelayMs);
  }

  /** A delay that the server gave, within reason; those who are told an absurd one are spread over what is left of it. */
  given(serverDelayMs: number): number {
    const capMs = this.#serverDelayCapMs;
    return serverDelayMs <= capMs ? serverDelayMs : capMs * (0.5 + this.#random() / 2);
  }

  /** Told how long things had been well; only a stable period forgets the failures before it. */
  held(forMs: number): void {
    if (forMs >= this.#stableMs) this.#failures = 0;
  }
}
