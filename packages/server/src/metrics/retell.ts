import type { Counter, Gauge } from "prom-client";

/** Says anew what a metric without labels stands at, which is counted elsewhere. */
export function retell(metric: Counter | Gauge, value: number): void {
  metric.reset();
  metric.inc(value);
}

/** The same for one with labels: those that are not given are gone. */
export function retellAll<Label extends string>(
  metric: Counter<Label> | Gauge<Label>,
  values: Iterable<readonly [labels: Partial<Record<Label, string>>, value: number]>,
): void {
  metric.reset();
  for (const [labels, value] of values) metric.inc(labels, value);
}
