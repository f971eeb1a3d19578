/** Something that wants to be called when its time has come. */
export interface Timed {
  /** In ms since 1970; may move at any time in either direction. */
  readonly deadline: number;
  tick(now: number): void;
}

/** A step of the wall clock beyond this is not the passing of time. */
const stepMs = 2000;

/**
 * One timer for everything that has a deadline, so that a connection costs none.
 *
 * Deadlines move with every message, in both directions, so all are looked at each time: at 100,000 members that is
 * a millisecond or two a sweep, and there is nothing to keep in order.
 */
export class Deadlines {
  readonly #members = new Set<Timed>();
  readonly #now: () => number;
  readonly #onStep: () => void;
  readonly #timer: NodeJS.Timeout;
  #immediate: NodeJS.Immediate | undefined;
  #sweptAt: number;
  #sweptMonotonic: number;

  /** `onStep` is called when the clock was set, before anybody is judged by it. */
  constructor(options: { everyMs: number; now: () => number; onStep?: () => void }) {
    this.#now = options.now;
    this.#onStep = options.onStep ?? (() => {});
    this.#sweptAt = options.now();
    this.#sweptMonotonic = performance.now();
    // The sweep waits for the sockets to be read first: after a pause of this process, what would save a client
    // from being taken for dead lies in their buffers.
    this.#timer = setInterval(() => {
      this.#immediate ??= setImmediate(() => this.#sweep());
    }, options.everyMs).unref();
  }

  get size(): number {
    return this.#members.size;
  }

  add(timed: Timed): void {
    this.#members.add(timed);
  }

  delete(timed: Timed): void {
    this.#members.delete(timed);
  }

  /** Runs `run` once after `ms`, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void {
    const timed: Timed = {
      deadline: this.#now() + ms,
      tick: () => {
        this.#members.delete(timed);
        run();
      },
    };
    this.#members.add(timed);
    return () => this.#members.delete(timed);
  }

  #sweep(): void {
    this.#immediate = undefined;
    const now = this.#now();
    const monotonic = performance.now();
    const step = now - this.#sweptAt - (monotonic - this.#sweptMonotonic);
    this.#sweptAt = now;
    this.#sweptMonotonic = monotonic;
    if (Math.abs(step) > stepMs) this.#onStep();
    for (const timed of this.#members) if (timed.deadline <= now) timed.tick(now);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#immediate);
    this.#members.clear();
  }
}
