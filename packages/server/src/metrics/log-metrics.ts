import type { MemoryBroker } from "@holdfast/core/broker";
import { type Counter, Gauge, type Registry } from "prom-client";

/** A metric that is looked up, and where. */
export type Lookup = readonly [metric: Gauge | Counter, value: () => number];

/** What a log in memory holds. */
export function defineLog(registry: Registry, memory: MemoryBroker): Lookup[] {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  return [
    [gauge("holdfast_log_channels", "Channels in the log in this process."), () => memory.stats().channels],
    [gauge("holdfast_log_events", "Events in the log in this process."), () => memory.stats().events],
    [
      gauge("holdfast_log_bytes", "What the log in this process charges to memory.bytesMax."),
      () => memory.stats().bytes,
    ],
  ];
}
