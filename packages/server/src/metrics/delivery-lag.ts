import { type Batch, type Clock, isReserved } from "@holdfast/core/server";
import { Counter, Histogram, type Registry } from "prom-client";
import type { Flushable, Tick } from "../tick.ts";

/** From within a tick to what a reader would call broken. */
const lagSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * How late events reach sockets, and how many do. Counted once a batch, however many readers it has.
 *
 * The lag of a batch is that of its oldest event, from the broker's time of the append to when the last socket of its
 * readers at the front has been written to: most of them had it sooner.
 */
export class DeliveryLag {
  readonly #tick: Tick;
  readonly #clock: Clock;
  readonly #seconds: Histogram;
  /** Plain numbers: prom-client's counters look up their labels each time. */
  #events = 0;
  #batches = 0;
  constructor(registry: Registry, tick: Tick, clock: Clock) {
    this.#tick = tick;
    this.#clock = clock;
    this.#seconds = new Histogram({
      name: "holdfast_delivery_lag_seconds",
      help: "How long after its append an event was written to the last socket of those who had read all before it; observed once a batch, for its oldest event.",
      buckets: lagSeconds,
      registers: [registry],
    });
    new Counter({
      name: "holdfast_delivered_events_total",
      help: "Events handed to readers: each counts once for every reader it was handed to.",
      registers: [registry],
      collect: told(() => this.#events),
    });
    new Counter({
      name: "holdfast_delivered_batches_total",
      help: "Batches handed to readers: each counts once for every reader it was handed to.",
      registers: [registry],
      collect: told(() => this.#batches),
    });
  }

  /** A batch went to so many readers, at the front together or one that was behind. */
  readonly delivered = ({ channel, events }: Batch, readers: number, isLive: boolean): void => {
    if (isReserved(channel)) return;
    this.#events += events.length * readers;
    this.#batches += readers;
    const oldest = events[0];
    if (!isLive || oldest === undefined) return;
    // Behind the sinks that this batch has enlisted, and so flushed after them.
    this.#tick.enlist(new Mark(oldest.event.at, this.#observe));
  };

  readonly #observe = (at: number): void => {
    // The broker's clock may be another machine's, and ahead of this one.
    this.#seconds.observe(Math.max(0, this.#clock.now() - at) / 1000);
  };
}

/** Stands behind the sinks of a batch. */
class Mark implements Flushable {
  readonly #at: number;
  readonly #reached: (at: number) => void;

  constructor(at: number, reached: (at: number) => void) {
    this.#at = at;
    this.#reached = reached;
  }

  flush(): void {
    this.#reached(this.#at);
  }
}

function told(number: () => number) {
  return function collect(this: Counter): void {
    this.reset();
    this.inc(number());
  };
}
