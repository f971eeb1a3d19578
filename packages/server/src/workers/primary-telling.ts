import type { MemoryBroker } from "@holdfast/core/broker";
import { Counter, Gauge, Registry } from "prom-client";
import { defineLog, type Lookup } from "../metrics/log-metrics.ts";
import { LoopDelay } from "../metrics/loop-delay.ts";
import type { PrimaryReport, Telling } from "../metrics/peers.ts";
import { ProcessMetrics } from "../metrics/process.ts";
import { reportProcess } from "../metrics/report.ts";
import { retell, retellAll } from "../metrics/retell.ts";

/** What the primary knows that its workers do not. */
export interface PrimarySource {
  readonly slots: readonly { readonly number: number; readonly replaced: number }[];
  /** The log, where the primary keeps it in memory. */
  readonly memory: MemoryBroker | undefined;
  /** Channels that some worker follows. */
  followed(): number;
}

/** What the process tells that keeps the log and serves nobody. */
export class PrimaryTelling {
  readonly #source: PrimarySource;
  readonly #registry = new Registry();
  readonly #loop = new LoopDelay();
  readonly #process = new ProcessMetrics(this.#registry, this.#loop);
  readonly #followed: Gauge;
  readonly #replaced: Counter<"place">;
  readonly #log: readonly Lookup[];

  constructor(source: PrimarySource) {
    this.#source = source;
    const registers = [this.#registry];
    this.#followed = new Gauge({
      name: "holdfast_log_channels_followed",
      help: "Channels of the log that some worker follows.",
      registers,
    });
    this.#replaced = new Counter({
      name: "holdfast_workers_replaced_total",
      help: "Workers that ended and were replaced, by the number of their place.",
      labelNames: ["place"],
      registers,
    });
    this.#log = source.memory === undefined ? [] : defineLog(this.#registry, source.memory);
  }

  tell(what: keyof Telling): Promise<Telling[keyof Telling]> {
    return what === "metrics" ? this.#families() : Promise.resolve(this.#report());
  }

  async #families(): Promise<Telling["metrics"]> {
    const { slots, followed } = this.#source;
    this.#process.refresh();
    this.#followed.set(followed());
    retellAll(
      this.#replaced,
      slots.map(({ number, replaced }) => [{ place: `${number}` }, replaced]),
    );
    for (const [metric, value] of this.#log) retell(metric, value());
    return await this.#registry.getMetricsAsJSON();
  }

  #report(): PrimaryReport {
    const { memory, followed } = this.#source;
    return {
      process: reportProcess(this.#loop),
      channelsFollowed: followed(),
      ...(memory === undefined ? {} : { log: memory.stats() }),
    };
  }

  stop(): void {
    this.#loop.stop();
    this.#process.stop();
  }
}
