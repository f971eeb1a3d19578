import { Content } from "../compression/content.ts";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `GET /channels/{channel}/presence`: who is here. Rule PRS-1. */
export async function listMembers(node: Node, exchange: Exchange, channel: string): Promise<void> {
  const { gatekeeper } = node;
  const principal = await gatekeeper.principalOf(exchange.request);
  const standing = gatekeeper.standingOf(principal);
  await gatekeeper.demand(principal, "read", channel);
  parseParameters(exchange.query, []);
  const members = await node.hubs.lobbies.census(channel);
  // The other nodes may have taken their time.
  await standing.confirm("read", channel);
  const text = JSON.stringify({ channel, members });
  exchange.answerContent(new Content(text));
}
