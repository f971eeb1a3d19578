import { monitorEventLoopDelay, performance } from "node:perf_hooks";

/** How late the event loop was, in seconds, and how busy, over the last while. */
export interface LoopState {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
  /** The part of the time in which it had something to do, from 0 to 1. */
  readonly utilization: number;
}

const resolutionMs = 20;
/** Whoever looks sooner sees the same again, so that several who look do not take the samples from each other. */
const windowMsMin = 5000;

/** Watches the event loop of this process: in C++, so that it costs JavaScript nothing. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  readonly #now: () => number;
  #since: number;
  #utilization = performance.eventLoopUtilization();
  #last: LoopState | undefined;

  /** `now` is in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#since = now();
    this.#histogram.enable();
  }

  /** Of the time since it was asked before, unless that was less than 5 s ago. */
  get state(): LoopState {
    if (this.#last !== undefined && this.#now() - this.#since < windowMsMin) return this.#last;
    const histogram = this.#histogram;
    const utilization = performance.eventLoopUtilization();
    const state: LoopState = {
      p50: seconds(histogram.percentile(50)),
      p90: seconds(histogram.percentile(90)),
      p99: seconds(histogram.percentile(99)),
      max: seconds(histogram.max),
      utilization: performance.eventLoopUtilization(utilization, this.#utilization).utilization,
    };
    this.#utilization = utilization;
    this.#since = this.#now();
    histogram.reset();
    this.#last = state;
    return state;
  }

  stop(): void {
    this.#histogram.disable();
  }
}

/** Without the time for which the timer was set. A histogram without a sample has a minimum beyond reason, and a maximum of 0. */
function seconds(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
}
