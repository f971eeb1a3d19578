import { publishAs } from "@holdfast/core/server";
import { checkLabels, decodePayload, HoldfastError, type PublishResult } from "@holdfast/protocol";
import { readBody } from "../body.ts";
import { conditionOf } from "../entity-tag.ts";
import type { Exchange } from "../exchange.ts";
import { bodyKind } from "../media-type.ts";
import { parseBatch } from "../ndjson.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `POST /channels/{channel}`: appends one event, or a batch. Rules POST-1 to POST-4, ACK-1 to ACK-3, PUB-1 to PUB-3. */
export async function publish(node: Node, exchange: Exchange, channel: string): Promise<void> {
  const { gatekeeper, limits, deadlines } = node;
  const principal = await gatekeeper.principalOf(exchange.request);
  const standing = gatekeeper.standingOf(principal);
  await gatekeeper.demand(principal, "publish", channel);
  parseParameters(exchange.query, []);
  const kind = bodyKind(exchange.header("content-type"));
  const labels = labelsOf(exchange);
  const ifMatch = conditionOf(exchange.header("if-match"));
  if (kind === "batch" && Object.keys(labels).length > 0) {
    throw new HoldfastError(
      "bad_request",
      "In a batch each line carries its own id, type and key: leave out Idempotency-Key, Event-Type and Event-Key.",
    );
  }
  checkLabels(labels);
  const body = await readBody(
    exchange,
    { bytesMax: limits.messageBytesMax, timeoutMs: limits.bodyTimeoutMs },
    deadlines,
  );
  // The body may have taken its time.
  await standing.confirm("publish", channel);
  const drafts = kind === "batch" ? parseBatch(body) : [{ ...labels, payload: decodePayload(kind, body) }];
  node.hubs.spend(node.clientOf(exchange.request, principal), channel, drafts.length);
  const results = await publishAs(principal, node.hubs, channel, drafts, ifMatch);
  answerPublished(exchange, results, kind === "batch");
}

function labelsOf(exchange: Exchange): { type?: string; key?: string; id?: string } {
  const type = exchange.header("event-type");
  const key = exchange.header("event-key");
  const id = exchange.header("idempotency-key");
  return {
    ...(type === undefined ? {} : { type }),
    ...(key === undefined ? {} : { key }),
    ...(id === undefined ? {} : { id }),
  };
}

function answerPublished(exchange: Exchange, results: readonly PublishResult[], isBatch: boolean): void {
  const status = results.every(({ duplicate }) => duplicate) ? 200 : 201;
  const last = results.at(-1);
  exchange.answerJson(status, isBatch ? { cursor: last?.cursor, results } : last);
}
