import { checkLists } from "@holdfast/core/server";
import { decodeClientMessage, decodeUtf8, type Hello, HoldfastError } from "@holdfast/protocol";
import { readBody } from "../body.ts";
import type { Exchange } from "../exchange.ts";
import { bodyKind } from "../media-type.ts";
import { negotiate } from "../negotiate.ts";
import type { Node } from "../node.ts";
import { parseParameters, seconds } from "../parameters.ts";
import { answerSession } from "../transports/session-answer.ts";
import { streamSession } from "../transports/sse.ts";

/** `POST /connect`: the session protocol over HTTP, as an event stream or as one JSON answer. Rules SES-1 to SES-6. */
export async function connect(node: Node, exchange: Exchange): Promise<void> {
  const { limits, deadlines, gatekeeper } = node;
  const type = negotiate(exchange.header("accept"), ["application/json", "text/event-stream"]);
  const { wait } = parseParameters(exchange.query, ["wait"]);
  if (wait !== undefined && type === "text/event-stream") {
    throw new HoldfastError("bad_parameter", '"wait" belongs to JSON answers; a stream has no use for it.');
  }
  const waitMs =
    wait === undefined ? 0 : node.hubs.counting(() => seconds("wait", wait, limits.waitMsMax, "waitMsMax"));
  if (bodyKind(exchange.header("content-type")) !== "json") {
    throw new HoldfastError("unsupported_media_type", 'Send "hello" as application/json.');
  }
  const body = await readBody(
    exchange,
    { bytesMax: limits.messageBytesMax, timeoutMs: limits.bodyTimeoutMs },
    deadlines,
  );
  const hello = parseHello(decodeUtf8(body));
  checkLists(hello, limits);
  const gate = gatekeeper.gateFor(exchange.request);
  const principal = await gate.authenticate(hello.token ?? gatekeeper.credentialOf(exchange.request).token);
  if (exchange.isGone) return;
  if (type === "text/event-stream") streamSession(node, exchange, hello, principal);
  else await answerSession(node, exchange, hello, principal, waitMs);
}

function parseHello(text: string): Hello {
  try {
    const message = decodeClientMessage(text);
    if (message.type === "hello") return message;
  } catch (error) {
    // As on a WebSocket: whatever it is, it is not the message that must come first.
    if (!(error instanceof HoldfastError) || error.code !== "unknown_message") throw error;
  }
  throw new HoldfastError("bad_message", 'The body of /connect is "hello", and nothing else.');
}
