/** What is handed over at the end of a tick. */
export interface Flushable {
  flush(): void;
}

/**
 * Gathers what happens in one turn of the event loop.
 *
 * Sockets are read in the loop's poll phase; what they caused is delivered in the check phase right after. A lone event
 * so leaves at once, and of a burst each channel makes one batch and each socket one write.
 */
export class Tick {
  #armed = false;
  #delivery: Flushable | undefined;
  #due: Flushable | undefined;
  #sinks: Flushable[] = [];

  /** Sets what fills the sinks; it is flushed before them. */
  deliverFrom(delivery: Flushable): void {
    this.#delivery = delivery;
  }

  /** Asks for the delivery to be flushed at the end of this tick. */
  schedule(): void {
    this.#due = this.#delivery;
    this.#arm();
  }

  /** Asks for a sink to be flushed at the end of this tick, after the delivery. */
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
      delivery?.flush();
    } finally {
      this.#flushSinks();
    }
  };

  #flushSinks(): void {
    const sinks = this.#sinks;
    this.#sinks = [];
    // Cleared only now: what the delivery enlisted belongs to this tick.
    this.#armed = false;
    if (this.#due !== undefined) this.#arm();
    for (const sink of sinks) sink.flush();
  }
}
