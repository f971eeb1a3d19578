import { HoldfastError, type Limits } from "@holdfast/protocol";

/** How much one turn of the event loop moves the average of them. */
const weight = 0.25;
/** After so long without an arrival nothing is known of the loop. */
const staleMs = 1000;
/** So few a second are served however busy the loop is: it is not they who hold it up. */
const harmlessPerSecond = 50;
const windowMs = 1000;
const soonestMs = 1000;
const latestMs = 60_000;

export interface PressureOptions {
  readonly limits: Pick<Limits, "arrivalsMax" | "loopDelayMsMax">;
  /** Milliseconds that have passed since some moment. */
  now(): number;
  /** Calls back in the next turn of the event loop. */
  nextTurn(run: () => void): void;
  /** From 0 up to, but not including, 1. */
  random(): number;
  refused(limit: keyof Limits): void;
}

/**
 * Refuses newcomers early, before anything is done for them, when more come than can be served: those who are here must not
 * feel it. Rule CALM-8.
 *
 * A turn of the event loop takes in one connection of each listening socket and serves whoever has something to say, so newcomers
 * wait in the kernel while it is busy, and a turn is short unless each of them costs much. How long turns take while they come is
 * therefore what tells; it is measured then alone, and costs an idle node nothing.
 */
export class Pressure {
  readonly #options: PressureOptions;
  #arriving = 0;
  #turnMs = 0;
  #turnFrom: number | undefined;
  #measuredAt = Number.NEGATIVE_INFINITY;
  /** Those who were let in in this window and in the one before, and those who were refused. */
  #windowFrom = Number.NEGATIVE_INFINITY;
  #served = 0;
  #servedBefore = 0;
  #refused = 0;
  #refusedBefore = 0;

  constructor(options: PressureOptions) {
    this.#options = options;
  }

  /** Newcomers of whom it is being found out who they are and what they want. */
  get arriving(): number {
    return this.#arriving;
  }

  /** How long a turn of the event loop takes while newcomers come, in ms; 0 where none came lately. */
  get turnMs(): number {
    return this.#options.now() - this.#measuredAt > staleMs ? 0 : this.#turnMs;
  }

  /** Somebody comes to stay. Throws `overloaded`; otherwise `arrived` is to be called once it is served, or was refused. */
  arrive(): void {
    const { arrivalsMax, loopDelayMsMax } = this.#options.limits;
    this.#turnWindow();
    if (this.#turnFrom === undefined) this.#measure();
    if (this.#arriving >= arrivalsMax) {
      this.#refuse(
        "arrivalsMax",
        `This node lets in at most ${arrivalsMax} clients at a time (arrivalsMax).`,
      );
    }
    if (loopDelayMsMax > 0 && this.turnMs > loopDelayMsMax && this.#served >= harmlessPerSecond) {
      this.#refuse("loopDelayMsMax", "More clients come than this node can serve (loopDelayMsMax).");
    }
    this.#arriving++;
    this.#served++;
  }

  arrived(): void {
    this.#arriving--;
  }

  #turnWindow(): void {
    const now = this.#options.now();
    const passed = now - this.#windowFrom;
    if (passed < windowMs) return;
    const isNext = passed < 2 * windowMs;
    this.#servedBefore = isNext ? this.#served : 0;
    this.#refusedBefore = isNext ? this.#refused : 0;
    this.#served = 0;
    this.#refused = 0;
    this.#windowFrom = now;
  }

  /** Measures one whole turn: from the end of this one to the end of the next, which waits for nothing. */
  #measure(): void {
    const { nextTurn, now } = this.#options;
    // Taken by whoever asks in between as a turn that is being measured.
    this.#turnFrom = Number.NaN;
    nextTurn(() => {
      this.#turnFrom = now();
      nextTurn(() => {
        const at = now();
        const took = at - (this.#turnFrom ?? at);
        const known = at - this.#measuredAt > staleMs ? 0 : this.#turnMs;
        this.#turnMs = known + weight * (took - known);
        this.#measuredAt = at;
        this.#turnFrom = undefined;
      });
    });
  }

  /** Those who are refused come back over the time that it takes to serve as many. */
  #refuse(limit: keyof Limits, sentence: string): never {
    const { random, refused } = this.#options;
    refused(limit);
    this.#refused++;
    const waiting = this.#refused + this.#refusedBefore + this.#arriving;
    const perSecond = Math.max(harmlessPerSecond, this.#served, this.#servedBefore);
    const spreadMs = Math.min(latestMs, Math.max(soonestMs, (1000 * waiting) / perSecond));
    const retryAfterMs = Math.round(soonestMs + random() * spreadMs);
    throw new HoldfastError("overloaded", sentence, { retryAfterMs, limit });
  }
}
