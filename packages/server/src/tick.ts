/** What is handed over at the end of a tick. */
export interface Flushable {
  flush(): void;
}

/** What fills the sinks. */
export interface Delivery {
  /** `isBusy`: sinks are still being written to, so what would write to many more had better wait for its turn. */
  flush(isBusy: boolean): void;
}

/** How many sinks are flushed in the tick they were enlisted in, whatever else is going on. */
const atOnceMax = 256;
/** How long the sinks beyond that are flushed before everything else that happens in this process has its turn. */
const sliceMs = 4;
/** The clock is looked at once for so many sinks. */
const perLook = 32;

/**
 * Gathers what happens in one turn of the event loop.
 *
 * Sockets are read in the loop's poll phase; what they caused is delivered in the check phase right after. A lone event
 * so leaves at once, and of a burst each channel makes one batch and each socket one write. A large fan-out is spread over several turns:
 * publishes, heartbeats, small channels and new connections are served between its slices.
 */
export class Tick {
  readonly #now: () => number;
  #armed = false;
  #delivery: Delivery | undefined;
  #due: Delivery | undefined;
  #sinks: Flushable[] = [];
  /** Sinks for which there was no time yet, oldest first. */
  readonly #backlog: Flushable[][] = [];
  /** How far the oldest list has been worked off. */
  #done = 0;
  /** Lists that were ever put off, and those of them that are done. */
  #putOff = 0;
  #workedOff = 0;
  /** The lists that come before what waits for its turn now, by their number; those that come later wait for it. */
  #before: number | undefined;

  /** `now` is in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Sets what fills the sinks; it is flushed before them. */
  deliverFrom(delivery: Delivery): void {
    this.#delivery = delivery;
  }

  /** Asks for the delivery to be flushed at the end of this tick. */
  schedule(): void {
    this.#due = this.#delivery;
    this.#arm();
  }

  /** Asks for a sink to be flushed after the delivery: at the end of this tick, unless too many others ask for it as well. */
  enlist(sink: Flushable): void {
    this.#sinks.push(sink);
    this.#arm();
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const delivery = this.#due;
    this.#due = undefined;
    try {
      delivery?.flush(this.#isBusy());
    } finally {
      this.#flushSinks();
    }
  };

  /** Whether what was there before is still being written: what comes in the meantime must not make a crowd wait for ever. */
  #isBusy(): boolean {
    this.#before ??= this.#putOff;
    if (this.#workedOff < this.#before) return true;
    this.#before = undefined;
    return false;
  }

  #putBack(sinks: Flushable[]): void {
    this.#backlog.push(sinks);
    this.#putOff++;
  }

  #flushSinks(): void {
    const sinks = this.#sinks;
    this.#sinks = [];
    // Cleared only now: what the delivery enlisted belongs to this tick.
    this.#armed = false;
    try {
      if (sinks.length > atOnceMax) this.#putBack(sinks);
      else this.#flushNow(sinks);
      if (this.#backlog.length > 0) this.#workOff(this.#now() + sliceMs);
    } finally {
      if (this.#due !== undefined || this.#backlog.length > 0) this.#arm();
    }
  }

  /** Where one throws, those behind it wait for the next turn: they would not enlist again. */
  #flushNow(sinks: Flushable[]): void {
    let done = 0;
    try {
      while (done < sinks.length) sinks[done++]?.flush();
    } finally {
      if (done < sinks.length) this.#putBack(sinks.slice(done));
    }
  }

  #workOff(until: number): void {
    for (let list = this.#backlog[0]; list !== undefined; list = this.#backlog[0]) {
      const end = Math.min(list.length, this.#done + perLook);
      while (this.#done < end) list[this.#done++]?.flush();
      if (end === list.length) {
        this.#backlog.shift();
        this.#workedOff++;
        this.#done = 0;
      }
      if (this.#now() >= until) return;
    }
  }
}
