import type { Exchange } from "../exchange.ts";
import { contentType, formatFamilies, formatWorkers } from "../metrics/exposition.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";
import { demandOperator } from "./operator.ts";

/** `GET /metrics`, for those who may. Rules SEE-1, SEE-2. */
export async function readMetrics(node: Node, exchange: Exchange): Promise<void> {
  await demandOperator(node, exchange);
  await answerMetrics(node, exchange);
}

/** The metrics of this node, and of all workers where it is one of several. */
export async function answerMetrics(node: Node, exchange: Exchange): Promise<void> {
  parseParameters(exchange.query, []);
  const { peers } = node.settings;
  const [own, others] = await Promise.all([node.exposition.families(), peers?.ask("metrics")]);
  const text =
    peers === undefined
      ? await formatFamilies(own)
      : await formatWorkers([{ worker: peers.self, told: own }, ...(others ?? [])]);
  exchange.answer(200, text, { "Content-Type": contentType });
}
