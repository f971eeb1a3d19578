import { compoundSse } from "@holdfast/core/server";
import {
  type Cursor,
  HoldfastError,
  parseChannelName,
  parseCompoundCursor,
  type Start,
} from "@holdfast/protocol";
import type { Exchange } from "../exchange.ts";
import { negotiate } from "../negotiate.ts";
import type { Node } from "../node.ts";
import { splitQuery, unknownParameter } from "../parameters.ts";
import { streamChannels } from "../transports/sse.ts";

/** `GET /events`: several channels in one event stream. Rule SSE-8. */
export async function streamEvents(node: Node, exchange: Exchange): Promise<void> {
  negotiate(exchange.header("accept"), ["text/event-stream"]);
  const principal = await node.gatekeeper.visitorOf(exchange.request);
  const { channels, after } = parseEventsQuery(exchange.query, node);
  const lastEventId = exchange.header("last-event-id") || after;
  const isPosition = lastEventId === undefined || lastEventId === "oldest" || lastEventId === "latest";
  const cursors = isPosition ? new Map<string, Cursor>() : parseCompoundCursor(lastEventId);
  const otherwise = lastEventId === "oldest" ? "oldest" : "latest";
  const starts = new Map<string, Start>(
    channels.map((channel) => [channel, { after: cursors.get(channel) ?? otherwise }]),
  );
  const known = new Map([...cursors].filter(([channel]) => starts.has(channel)));
  await streamChannels(node, exchange, principal, starts, compoundSse(known));
}

function parseEventsQuery(query: string, node: Node): { channels: string[]; after: string | undefined } {
  const { streamChannelsMax } = node.limits;
  const channels: string[] = [];
  let after: string | undefined;
  for (const [name, value] of splitQuery(query)) {
    if (name === "channel") {
      const channel = parseChannelName(value);
      if (channels.includes(channel)) {
        throw new HoldfastError("bad_parameter", `The channel ${channel} is named more than once.`);
      }
      if (channels.length === streamChannelsMax) {
        throw node.refusal(
          "streamChannelsMax",
          "bad_parameter",
          `One stream reads at most ${streamChannelsMax} channels (streamChannelsMax). Open several.`,
        );
      }
      channels.push(channel);
    } else if (name === "ticket") continue;
    else if (name !== "after") throw unknownParameter(name, ["channel", "after", "ticket"]);
    else if (after !== undefined)
      throw new HoldfastError("bad_parameter", '"after" is given more than once.');
    else after = value;
  }
  if (channels.length === 0) {
    throw new HoldfastError("bad_parameter", "Name at least one channel, as in /events?channel=a&channel=b.");
  }
  return { channels, after };
}
