import { HoldfastError } from "@holdfast/protocol";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `POST /tickets`: trades the credential of the request for one that may stand in a URL. Rules TICK-1 to TICK-5. */
export async function makeTicket(node: Node, exchange: Exchange): Promise<void> {
  const { control, gatekeeper } = node;
  if (control === undefined) {
    throw new HoldfastError(
      "unsupported",
      "Without authentication nobody needs a ticket: open the URL without one.",
    );
  }
  parseParameters(exchange.query, []);
  const carried = gatekeeper.carriedBy(exchange.request);
  const principal = await gatekeeper.principalOf(exchange.request);
  exchange.answerJson(201, await control.tickets.make(carried, principal));
}
