import type { IncomingMessage } from "node:http";
import { HoldfastError, quoted, subprotocols } from "@holdfast/protocol";
import type { Client } from "./limits/admission.ts";
import type { Node } from "./node.ts";
import { parseParameters, startOf } from "./parameters.ts";
import { channelOf } from "./routes.ts";
import { serveChannel } from "./transports/plain-websocket.ts";
import { chooseSubprotocol, serveSession } from "./transports/websocket.ts";
import type { Opened } from "./transports/websocket-sink.ts";

/** What goes on once the handshake is done. */
type Open = (opened: Opened) => void;

/**
 * Checks all that the request alone can tell before a WebSocket is opened. Rules SES-5, WSP-4, AUTH-1.
 *
 * `channelText` is undefined for `/connect`. Who `client` is stands in it from then on, where that is known.
 */
export async function openWebSocket(
  node: Node,
  request: IncomingMessage,
  client: Client,
  { channelText, query }: { readonly channelText: string | undefined; readonly query: string },
): Promise<Open> {
  return channelText === undefined
    ? await openSession(node, request, query)
    : await openChannel(node, request, client, { channel: channelOf(channelText), query });
}

function offeredSubprotocols(request: IncomingMessage): string[] {
  const header = request.headers["sec-websocket-protocol"] ?? "";
  return header
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

async function openSession(node: Node, request: IncomingMessage, query: string): Promise<Open> {
  parseParameters(query, ["ticket"]);
  const offered = offeredSubprotocols(request);
  if (offered.length > 0 && chooseSubprotocol(offered) === undefined) {
    throw new HoldfastError(
      "unsupported_subprotocol",
      `The subprotocols here are ${Object.values(subprotocols).join(" and ")}, not ${quoted(offered.join(", "))}.`,
    );
  }
  const { gate, token, hasTicket } = await node.gatekeeper.enter(request);
  // Without one, `hello` may still bring it.
  if (token !== undefined || hasTicket) node.checkUser(await gate.authenticate(token));
  return (opened) => serveSession({ ...opened, node, gate }, token);
}

async function openChannel(
  node: Node,
  request: IncomingMessage,
  client: Client,
  { channel, query }: { readonly channel: string; readonly query: string },
): Promise<Open> {
  if (offeredSubprotocols(request).length > 0) {
    throw new HoldfastError(
      "unsupported_subprotocol",
      "A channel's own WebSocket has no subprotocol; the session protocol is spoken at /connect.",
    );
  }
  const { format = "json", ...position } = parseParameters(query, ["after", "last", "format", "ticket"]);
  if (format !== "json" && format !== "text") {
    throw new HoldfastError("bad_parameter", `"format" is json or text, not ${quoted(format)}.`);
  }
  const start = startOf(position);
  const { gatekeeper } = node;
  const { gate, token } = await gatekeeper.enter(request);
  const principal = await gate.authenticate(token);
  node.checkUser(principal);
  await gatekeeper.demand(principal, "read", channel);
  // Others of the same user may have come while that was found out: the room is looked at once more, with the user.
  client.user = principal.user;
  return (opened) => {
    void serveChannel({ ...opened, node, gate }, { channel, start, format, principal });
  };
}
