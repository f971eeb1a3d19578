/** Something that wants to be called when its time has come. */
export interface Timed {
  /**
   * In ms since 1970; may move at any time. What moves to an earlier time is noticed within a second, unless `hasten`
   * is called.
   */
  readonly deadline: number;
  tick(now: number): void;
}

export interface DeadlinesOptions {
  /** How late anything may be, in ms. */
  readonly everyMs: number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Called when the clock was set, before anybody is judged by it: with what it says now, and by how much it was moved. */
  readonly onStep?: (now: number, byMs: number) => void;
}

/** A step of the wall clock beyond this is not the passing of time. */
const stepMs = 2000;
/** Every member is looked at this often, since deadlines move without a word. */
const lookMs = 1000;

/**
 * One timer for everything that has a deadline, so that a connection costs none: a wheel of slots, of which one is
 * looked at each time. Looking costs a cache miss or two, so nobody is looked at more often than need be.
 */
export class Deadlines {
  readonly #options: DeadlinesOptions;
  readonly #timer: NodeJS.Timeout;
  /** By member, the turn at which it is looked at next. */
  readonly #turns = new Map<Timed, number>();
  /** Who is looked at in a turn; who has left since, or was moved, is passed over. */
  readonly #slots: Timed[][];
  #turn = 0;
  #immediate: NodeJS.Immediate | undefined;
  readonly #startedAt = performance.now();
  #sweptAt: number;
  #sweptMonotonic: number;

  constructor(options: DeadlinesOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: Math.ceil(lookMs / options.everyMs) + 1 }, () => []);
    this.#sweptAt = options.now();
    this.#sweptMonotonic = performance.now();
    // The sweep waits for the sockets to be read first: after a pause of this process, what would save a client
    // from being taken for dead lies in their buffers.
    this.#timer = setInterval(() => {
      this.#immediate ??= setImmediate(() => this.#sweep());
    }, options.everyMs).unref();
  }

  get size(): number {
    return this.#turns.size;
  }

  add(timed: Timed): void {
    this.#place(timed, this.#options.now());
  }

  delete(timed: Timed): void {
    this.#turns.delete(timed);
  }

  /** Looks at a member anew whose deadline has moved to an earlier time. */
  hasten(timed: Timed): void {
    if (this.#turns.has(timed)) this.#place(timed, this.#options.now());
  }

  /** Milliseconds that have passed since this process began, however the clock was set meanwhile. */
  passed(): number {
    return performance.now();
  }

  /** When `passed` comes to a moment, as the clock has it that is now. */
  deadlineFor(passed: number): number {
    return this.#options.now() + passed - performance.now();
  }

  /** Looks at a member in time for a deadline that has moved to an earlier time, if it would be looked at too late. */
  expect(timed: Timed, at: number): void {
    if (at < this.#options.now() + lookMs) this.hasten(timed);
  }

  /** Runs `run` once after `ms`, however the clock is set meanwhile, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void {
    const after = new After(this, this.passed() + ms, run);
    this.add(after);
    return () => this.delete(after);
  }

  #place(timed: Timed, now: number): void {
    const away = Math.ceil((timed.deadline - now) / this.#options.everyMs);
    const turn = this.#turn + Math.max(1, Math.min(this.#slots.length - 1, away));
    this.#turns.set(timed, turn);
    this.#slots[turn % this.#slots.length]?.push(timed);
  }

  #sweep(): void {
    this.#immediate = undefined;
    const now = this.#options.now();
    const monotonic = performance.now();
    const step = now - this.#sweptAt - (monotonic - this.#sweptMonotonic);
    this.#sweptAt = now;
    this.#sweptMonotonic = monotonic;
    if (Math.abs(step) > stepMs) this.#options.onStep?.(now, step);
    const current = Math.floor((monotonic - this.#startedAt) / this.#options.everyMs);
    // After a pause of more than a whole round each slot is looked at once.
    this.#turn = Math.max(this.#turn, current - this.#slots.length);
    while (this.#turn < current) this.#look(++this.#turn, now);
  }

  #look(turn: number, now: number): void {
    const index = turn % this.#slots.length;
    const members = this.#slots[index] ?? [];
    this.#slots[index] = [];
    for (const timed of members) {
      // After a pause a slot may be looked at in a later turn than it was meant for.
      const meant = this.#turns.get(timed);
      if (meant === undefined || meant > turn || (turn - meant) % this.#slots.length !== 0) continue;
      if (timed.deadline <= now) timed.tick(now);
      if (this.#turns.get(timed) === meant) this.#place(timed, now);
    }
  }

  stop(): void {
    clearInterval(this.#timer);
    clearImmediate(this.#immediate);
    this.#turns.clear();
    for (const slot of this.#slots) slot.length = 0;
  }
}

class After implements Timed {
  readonly #deadlines: Deadlines;
  readonly #at: number;
  readonly #run: () => void;

  constructor(deadlines: Deadlines, at: number, run: () => void) {
    this.#deadlines = deadlines;
    this.#at = at;
    this.#run = run;
  }

  get deadline(): number {
    return this.#deadlines.deadlineFor(this.#at);
  }

  tick(): void {
    this.#deadlines.delete(this);
    this.#run();
  }
}
