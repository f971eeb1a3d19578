import { parentPort, workerData } from "node:worker_threads";
import fc from "fast-check";
import { fuzz } from "./engine.ts";
import type { FuzzTarget } from "./target.ts";
import { Trace, type WorkerOrder } from "./watch.ts";

const { module, name, seed, milliseconds, executionsMax, memory } = workerData as WorkerOrder;
const { targets } = (await import(module)) as { targets: readonly FuzzTarget[] };
const target = targets.find((one) => one.name === name);
if (target === undefined) throw new Error(`There is no target "${name}" in ${module}.`);

const trace = new Trace(memory);
const deadline = performance.now() + milliseconds;
const report = fuzz(target, {
  seed,
  goOn: (executions) => executions < executionsMax && performance.now() < deadline,
  watch: (seed, input) => trace.write(seed, fc.stringify(input)),
});
parentPort?.postMessage(report);
