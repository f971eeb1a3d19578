import { formatCursor } from "@holdfast/protocol";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `POST /channels/{channel}/close`: what was published is the end of it. Rules END-1, PUB-2. */
export async function closeChannel(node: Node, exchange: Exchange, channel: string): Promise<void> {
  const principal = await node.gatekeeper.principalOf(exchange.request);
  // It cannot be undone, and takes the word from every other publisher.
  await node.gatekeeper.demand(principal, "admin", channel);
  parseParameters(exchange.query, []);
  const { epoch, head } = await node.hubs.close(channel);
  exchange.answerJson(200, { channel, cursor: formatCursor({ epoch, offset: head }), closed: true });
}
