import { everyChannel } from "@holdfast/core/server";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";

/** Throws `unauthenticated` or `forbidden` for who may not look after this node: it takes `admin` on every channel. Rule SEE-2. */
export async function demandOperator(node: Node, exchange: Exchange): Promise<void> {
  const { gatekeeper } = node;
  if (!gatekeeper.authenticates) return;
  await gatekeeper.demand(await gatekeeper.principalOf(exchange.request), "admin", everyChannel);
}
