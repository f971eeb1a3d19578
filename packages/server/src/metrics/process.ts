import { readdirSync, statSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { filesMax } from "../files.ts";
import type { LoopDelay } from "./loop-delay.ts";
import { retell } from "./retell.ts";

/** How many files this process has open; undefined where the system does not say. */
export function openFiles(): number | undefined {
  try {
    // Since Linux 6.2 the size is their number; to list some 20,000 would take milliseconds.
    const { size } = statSync("/proc/self/fd");
    return size > 0 ? size : readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}

const gcSeconds = [0.001, 0.01, 0.1, 1];

/** V8's names for its kinds of collection, as prom-client has them. */
const gcKinds: ReadonlyMap<unknown, string> = new Map([
  [1, "minor"],
  [4, "major"],
  [8, "incremental"],
  [16, "weakcb"],
]);

/**
 * What is known of the process, by the names that dashboards for Node know. prom-client's own set is not taken: it
 * lists every handle and file of the process, which here are all connections, and blocks while it does.
 */
export class ProcessMetrics {
  readonly #loop: LoopDelay;
  readonly #observer: PerformanceObserver;
  readonly #cpuUser: Counter;
  readonly #cpuSystem: Counter;
  readonly #cpu: Counter;
  readonly #resident: Gauge;
  readonly #heapTotal: Gauge;
  readonly #heapUsed: Gauge;
  readonly #external: Gauge;
  readonly #openFiles: Gauge;
  readonly #delay: Gauge<"quantile">;
  readonly #utilization: Gauge;

  constructor(registry: Registry, loop: LoopDelay) {
    this.#loop = loop;
    const registers = [registry];
    const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
    const counter = (name: string, help: string) => new Counter({ name, help, registers });
    this.#cpuUser = counter("process_cpu_user_seconds_total", "CPU time of the process in user mode.");
    this.#cpuSystem = counter("process_cpu_system_seconds_total", "CPU time of the process in the kernel.");
    this.#cpu = counter("process_cpu_seconds_total", "CPU time of the process.");
    this.#resident = gauge("process_resident_memory_bytes", "Memory of the process that is in RAM.");
    gauge("process_start_time_seconds", "When the process started, in seconds since 1970.").set(
      performance.timeOrigin / 1000,
    );
    this.#openFiles = gauge("process_open_fds", "Files that the process has open; each connection is one.");
    const max = filesMax();
    const maxFiles = gauge("process_max_fds", "Files that the process may have open.");
    if (max !== undefined) maxFiles.set(max);
    this.#heapTotal = gauge("nodejs_heap_size_total_bytes", "V8's heap, free space included.");
    this.#heapUsed = gauge("nodejs_heap_size_used_bytes", "What is in use of V8's heap.");
    this.#external = gauge(
      "nodejs_external_memory_bytes",
      "Memory of buffers and the like, outside V8's heap.",
    );
    new Gauge({
      name: "nodejs_version_info",
      help: "The version of Node, as a label; the value is 1.",
      labelNames: ["version"],
      registers,
    }).set({ version: process.version }, 1);
    this.#delay = new Gauge({
      name: "holdfast_event_loop_delay_seconds",
      help: "How late the event loop was since the scrape before, by quantile; 1 is the worst.",
      labelNames: ["quantile"],
      registers,
    });
    this.#utilization = gauge(
      "holdfast_event_loop_utilization_ratio",
      "The part of the time since the scrape before in which the event loop had something to do, from 0 to 1.",
    );
    this.#observer = observeCollections(registry);
  }

  refresh(): void {
    const { user, system } = process.cpuUsage();
    retell(this.#cpuUser, user / 1e6);
    retell(this.#cpuSystem, system / 1e6);
    retell(this.#cpu, (user + system) / 1e6);
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    this.#resident.set(rss);
    this.#heapTotal.set(heapTotal);
    this.#heapUsed.set(heapUsed);
    this.#external.set(external);
    const files = openFiles();
    if (files !== undefined) this.#openFiles.set(files);
    const { p50, p90, p99, max, utilization } = this.#loop.state;
    this.#delay.set({ quantile: "0.5" }, p50);
    this.#delay.set({ quantile: "0.9" }, p90);
    this.#delay.set({ quantile: "0.99" }, p99);
    this.#delay.set({ quantile: "1" }, max);
    this.#utilization.set(utilization);
  }

  stop(): void {
    this.#observer.disconnect();
  }
}

function observeCollections(registry: Registry): PerformanceObserver {
  const seconds = new Histogram({
    name: "nodejs_gc_duration_seconds",
    help: "How long V8's garbage collections took, by kind: minor, major, incremental or weakcb.",
    labelNames: ["kind"],
    buckets: gcSeconds,
    registers: [registry],
  });
  const observer = new PerformanceObserver((list) => {
    for (const { detail, duration } of list.getEntries() as { detail?: unknown; duration: number }[]) {
      const { kind } = detail as { kind?: number };
      seconds.observe({ kind: gcKinds.get(kind) ?? "other" }, duration / 1000);
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  return observer;
}
