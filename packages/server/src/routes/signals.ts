import {
  checkValueNesting,
  decodeSignalKey,
  decodeUtf8,
  HoldfastError,
  isInstance,
  isRecord,
  parseJson,
} from "@holdfast/protocol";
import { readBody } from "../body.ts";
import type { Exchange } from "../exchange.ts";
import { bodyKind } from "../media-type.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `POST /channels/{channel}/signals`: passes a signal on to those who are here now. Rule SIG-1. */
export async function signal(node: Node, exchange: Exchange, channel: string): Promise<void> {
  const { gatekeeper, limits, deadlines } = node;
  const principal = await gatekeeper.principalOf(exchange.request);
  const standing = gatekeeper.standingOf(principal);
  await gatekeeper.demand(principal, "signal", channel);
  parseParameters(exchange.query, []);
  if (bodyKind(exchange.header("content-type")) !== "json") {
    throw new HoldfastError("unsupported_media_type", "A signal is sent as application/json.");
  }
  const body = await readBody(
    exchange,
    { bytesMax: limits.eventBytesMax, timeoutMs: limits.bodyTimeoutMs },
    deadlines,
  );
  await standing.confirm("signal", channel);
  const { key, data, instance } = parseSignal(decodeUtf8(body));
  node.hubs.spend(node.clientOf(exchange.request, principal), undefined, 1);
  const from = principal.user === undefined ? {} : { from: principal.user };
  node.hubs.lobbies.signal(channel, key, data, { ...from, ...(instance === undefined ? {} : { instance }) });
  exchange.answer(202, undefined);
}

function parseSignal(text: string): { key: string; data: unknown; instance: string | undefined } {
  const json = parseJson(text);
  if (!isRecord(json) || json.data === undefined) {
    throw new HoldfastError("bad_message", 'A signal looks like {"key":"cursor","data":…}.');
  }
  checkValueNesting(json.data);
  const { instance } = json;
  if (instance !== undefined && !isInstance(instance)) {
    throw new HoldfastError("bad_message", '"instance" is 8 to 64 of A-Z a-z 0-9 _ -.');
  }
  return { key: decodeSignalKey(json.key), data: json.data, instance };
}
