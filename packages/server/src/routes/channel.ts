import { framings } from "@holdfast/core/server";
import { HoldfastError, type Start } from "@holdfast/protocol";
import type { Exchange } from "../exchange.ts";
import { negotiate } from "../negotiate.ts";
import type { Node } from "../node.ts";
import { type Parameters, parseParameters, seconds, startOf, wholeNumber } from "../parameters.ts";
import { answerHeldPage } from "../transports/long-poll.ts";
import { streamChannels } from "../transports/sse.ts";

const pageParameters = ["after", "last", "limit", "wait", "ticket"] as const;
const streamParameters = ["after", "last", "ticket"] as const;

/** `GET /channels/{channel}`: JSON, held or not, or an event stream. Rules JSON-1 to JSON-6, SSE-1 to SSE-7. */
export async function readChannel(node: Node, exchange: Exchange, channel: string): Promise<void> {
  const type = negotiate(exchange.header("accept"), ["application/json", "text/event-stream"]);
  const principal = await node.gatekeeper.visitorOf(exchange.request);
  if (type === "text/event-stream") {
    const starts = new Map([[channel, resumeAt(exchange)]]);
    await streamChannels(node, exchange, principal, starts, framings.plainSse);
    return;
  }
  await node.gatekeeper.demand(principal, "read", channel);
  const parameters = parseParameters(exchange.query, pageParameters);
  const { limits } = node;
  const { after, last, limit, wait } = parameters;
  const request = {
    channel,
    start: after === undefined && last === undefined ? undefined : startOf(parameters),
    limit:
      limit === undefined
        ? limits.pageEventsDefault
        : node.hubs.counting(() => wholeNumber("limit", limit, 1, limits.pageEventsMax, "pageEventsMax")),
  };
  const waitMs =
    wait === undefined ? 0 : node.hubs.counting(() => seconds("wait", wait, limits.waitMsMax, "waitMsMax"));
  await answerHeldPage(node, exchange, request, { waitMs: exchange.isHead ? 0 : waitMs, principal });
}

/** Where a stream of one channel starts. Rule SSE-3. */
function resumeAt(exchange: Exchange): Start {
  const parameters = parseStreamParameters(exchange.query);
  const lastEventId = exchange.header("last-event-id");
  if (lastEventId === undefined || lastEventId === "") return startOf(parameters);
  return startOf({ after: lastEventId });
}

function parseStreamParameters(query: string): Parameters<(typeof streamParameters)[number]> {
  const parameters = parseParameters(query, pageParameters);
  for (const name of ["limit", "wait"] as const) {
    if (parameters[name] !== undefined) {
      throw new HoldfastError(
        "bad_parameter",
        `"${name}" belongs to JSON answers; a stream has no use for it.`,
      );
    }
  }
  return parameters;
}
