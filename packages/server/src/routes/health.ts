import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";

/** `GET /health/live`: the process runs. Rule HTTP-3. */
export async function answerLive(_node: Node, exchange: Exchange): Promise<void> {
  exchange.answerJson(200, { status: "live" });
}

/** `GET /health/ready`: an event published here would be delivered. Rule HTTP-3. */
export async function answerReady(node: Node, exchange: Exchange): Promise<void> {
  node.readiness.watched();
  await node.readiness.check();
  exchange.answerJson(200, { status: "ready" });
}
