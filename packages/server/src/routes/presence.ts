import { Content } from "../compression/content.ts";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `GET /channels/{channel}/presence`: who is here. Rule PRS-1. */
export async function listMembers(node: Node, exchange: Exchange, channel: string): Promise<void> {
  const principal = await node.gatekeeper.principalOf(exchange.request);
  await node.gatekeeper.demand(principal, "read", channel);
  parseParameters(exchange.query, []);
  const text = JSON.stringify({ channel, members: await node.hubs.census(channel) });
  exchange.answerContent(new Content(text));
}
