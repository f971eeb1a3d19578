import type { Exchange } from "../exchange.ts";
import { reportNode } from "../metrics/report.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";
import { demandOperator } from "./operator.ts";

/** `GET /stats`, for those who may. Rules SEE-2, SEE-3. */
export async function readStats(node: Node, exchange: Exchange): Promise<void> {
  await demandOperator(node, exchange);
  await answerStats(node, exchange);
}

/** What this node holds and has done, and all workers where it is one of several. */
export async function answerStats(node: Node, exchange: Exchange): Promise<void> {
  parseParameters(exchange.query, []);
  const { peers } = node.settings;
  const [own, others] = await Promise.all([reportNode(node), peers?.ask("stats")]);
  if (peers === undefined) {
    exchange.answer(200, pretty(own));
    return;
  }
  const all = [{ worker: peers.self, told: own }, ...(others ?? [])];
  const workers = all.map(({ worker, told }) => ({ worker, isMissing: told === undefined, ...told }));
  workers.sort((one, other) => (one.worker < other.worker ? -1 : 1));
  exchange.answer(200, pretty({ answeredBy: peers.self, workers }));
}

/** Read by people more often than by programs. */
function pretty(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
