import { checkNotReserved } from "@holdfast/core/server";
import { formatCursor } from "@holdfast/protocol";
import { asAdmin } from "../audit.ts";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `POST /channels/{channel}/close`: what was published is the end of it. Rules END-1, PUB-2. */
export async function closeChannel(node: Node, exchange: Exchange, channel: string): Promise<void> {
  // It cannot be undone, and takes the word from every other publisher.
  const { epoch, head } = await asAdmin(node, exchange, { act: "channel.close", channel }, () => {
    checkNotReserved(channel);
    parseParameters(exchange.query, []);
    return node.hubs.close(channel);
  });
  exchange.answerJson(200, { channel, cursor: formatCursor({ epoch, offset: head }), closed: true });
}
