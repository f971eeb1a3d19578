import { formatCursor, formatEvent } from "@holdfast/protocol";
import { Content } from "../compression/content.ts";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `GET /channels/{channel}/state`: the newest event of each key. Rules STATE-1, STATE-2. */
export async function readState(node: Node, exchange: Exchange, channel: string): Promise<void> {
  const principal = await node.gatekeeper.principalOf(exchange.request);
  await node.gatekeeper.demand(principal, "read", channel);
  parseParameters(exchange.query, []);
  const { epoch, to, events, truncatedAt } = await node.hubs.state(channel);
  const list = events.map((event) => formatEvent(epoch, event)).join(",");
  const cursor = formatCursor({ epoch, offset: to });
  const text = `{"channel":"${channel}","cursor":"${cursor}","events":[${list}],"truncated":${truncatedAt > 0}}`;
  exchange.answerContent(new Content(text));
}
