/** What a platform's clocks say, in ms. */
export interface TimeSource {
  /** Since some moment; never set back, but some platforms stop it while the machine sleeps. */
  readonly steady: () => number;
  /** Since 1970; may be set to anything at any time. */
  readonly wall: () => number;
}

/** A jump of the wall clock this far ahead of the steady one means that the machine slept. */
const sleptMsMin = 2_000;

/**
 * Time as a connection needs it: it never goes back, and it goes on while the machine sleeps, which is how a sleep
 * is noticed.
 */
export class Clock {
  readonly #source: TimeSource;
  #sleptMs = 0;
  #differenceMs: number;

  constructor(source: TimeSource = { steady: () => performance.now(), wall: () => Date.now() }) {
    this.#source = source;
    this.#differenceMs = source.wall() - source.steady();
  }

  /** Milliseconds since some moment. */
  now(): number {
    const steady = this.#source.steady();
    const differenceMs = this.#source.wall() - steady;
    const aheadMs = differenceMs - this.#differenceMs;
    // A clock that was set forward looks like a sleep, which costs a look at the connection and nothing else.
    if (aheadMs > sleptMsMin) this.#sleptMs += aheadMs;
    if (Math.abs(aheadMs) > sleptMsMin) this.#differenceMs = differenceMs;
    return steady + this.#sleptMs;
  }
}

/** One for all, so that what one client remembers means the same to another. */
export const clock = new Clock();
