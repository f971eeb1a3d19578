import { availableParallelism, cpus, freemem, loadavg, totalmem } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Holdfast } from "@holdfast/server";

/** How busy this machine is. */
export interface Figures {
  /** Part of the processors' time that was not idle, from 0 to 1, since the figures before. */
  readonly cpu: number;
  readonly memoryUsedBytes: number;
  readonly memoryTotalBytes: number;
  /** Average over a minute of the processes that run or want to; 0 where the system does not say. */
  readonly load: number;
  readonly processors: number;
  /** By how much this process's timers came late in the worst 1 % of cases, in ms, since the figures before. */
  readonly loopDelayMs: number;
}

const resolutionMs = 10;

/** Measures since the last time it was asked. */
class Machine {
  readonly #delay = monitorEventLoopDelay({ resolution: resolutionMs });
  #times = processorTimes();

  constructor() {
    this.#delay.enable();
  }

  measure(): Figures {
    const before = this.#times;
    const now = processorTimes();
    this.#times = now;
    const total = now.total - before.total;
    // The histogram holds the whole time between two ticks of its timer.
    const lateMs = this.#delay.percentile(99) / 1e6 - resolutionMs;
    this.#delay.reset();
    return {
      cpu: total === 0 ? 0 : 1 - (now.idle - before.idle) / total,
      memoryUsedBytes: totalmem() - freemem(),
      memoryTotalBytes: totalmem(),
      load: loadavg()[0] ?? 0,
      processors: availableParallelism(),
      loopDelayMs: Number.isFinite(lateMs) ? Math.max(0, lateMs) : 0,
    };
  }

  stop(): void {
    this.#delay.disable();
  }
}

function processorTimes(): { readonly idle: number; readonly total: number } {
  let idle = 0;
  let total = 0;
  for (const { times } of cpus()) {
    idle += times.idle;
    total += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idle, total };
}

/** Publishes this machine's figures once a second; returns what ends it. */
export function publishMachine(holdfast: Holdfast): () => void {
  const machine = new Machine();
  // #region publish
  const timer = setInterval(() => {
    const figures = machine.measure();
    holdfast.publish("machine", figures).catch(report);
  }, 1000);
  // #endregion
  return () => {
    clearInterval(timer);
    machine.stop();
  };
}

function report(error: unknown): void {
  console.error("The machine's figures could not be published:", error);
}
