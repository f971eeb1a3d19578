import {
  AggregatorRegistry,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from "prom-client";
import type { Node } from "../node.ts";
import { NodeMetrics } from "./node-metrics.ts";
import type { Told } from "./peers.ts";
import { ProcessMetrics } from "./process.ts";

/** What one process has to tell, as it goes over a line. */
export type Families = readonly MetricObjectWithValues<MetricValue<string>>[];

export const contentType = Registry.PROMETHEUS_CONTENT_TYPE;

/** Everything that one node tells whoever scrapes it. */
export class Exposition {
  readonly #registry: Registry;
  readonly #node: NodeMetrics;
  readonly #process: ProcessMetrics;
  #underWay: Promise<Families> | undefined;

  constructor(node: Node) {
    this.#registry = node.meters.registry;
    this.#node = new NodeMetrics(node);
    this.#process = new ProcessMetrics(this.#registry, node.meters.loop);
  }

  /** Looked up anew; those who ask at the same time share it. */
  families(): Promise<Families> {
    this.#underWay ??= this.#collect().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #collect(): Promise<Families> {
    this.#process.refresh();
    await this.#node.refresh();
    return await this.#registry.getMetricsAsJSON();
  }

  stop(): void {
    this.#process.stop();
  }
}

/** The text of what one process tells. */
export async function formatFamilies(families: Families): Promise<string> {
  return await AggregatorRegistry.aggregate([[...families]]).metrics();
}

/** The text of what several processes tell: each number with the label `worker`, and who has told anything at all. */
export async function formatWorkers(workers: readonly Told<Families>[]): Promise<string> {
  const registry = new Registry();
  const up = new Gauge({
    name: "holdfast_worker_up",
    help: "1 for a process that has told its metrics, 0 for one that did not in time: what is missing is its.",
    labelNames: ["worker"],
    registers: [registry],
  });
  for (const { worker, told } of workers) up.set({ worker }, told === undefined ? 0 : 1);
  const labelled = workers.map(({ worker, told = [] }) => told.map((family) => withWorker(family, worker)));
  return await AggregatorRegistry.aggregate([
    [...(await registry.getMetricsAsJSON())],
    ...labelled,
  ]).metrics();
}

function withWorker(family: Families[number], worker: string): Families[number] {
  const values = family.values.map((value) => ({ ...value, labels: { worker, ...value.labels } }));
  return { ...family, values };
}
