import { formatCursor, formatEvent, type LogEvent, payloadBytes } from "@holdfast/protocol";
import { Content } from "../compression/content.ts";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { parseParameters } from "../parameters.ts";

/** `GET /channels/{channel}/state`: the newest event of each key. Rules STATE-1, STATE-2. */
export async function readState(node: Node, exchange: Exchange, channel: string): Promise<void> {
  const { gatekeeper } = node;
  const principal = await gatekeeper.principalOf(exchange.request);
  const standing = gatekeeper.standingOf(principal);
  await gatekeeper.demand(principal, "read", channel);
  parseParameters(exchange.query, []);
  const { epoch, to, events, truncatedAt } = await node.hubs.state(channel);
  // The log may have taken its time.
  await standing.confirm("read", channel);
  const newest = withinBytes(events, node.limits.stateBytesMax);
  if (newest.length < events.length) node.meters.refused("stateBytesMax");
  const isTruncated = truncatedAt > 0 || newest.length < events.length;
  const list = newest.map((event) => formatEvent(epoch, event)).join(",");
  const cursor = formatCursor({ epoch, offset: to });
  const text = `{"channel":"${channel}","cursor":"${cursor}","events":[${list}],"truncated":${isTruncated}}`;
  exchange.answerContent(new Content(text));
}

/** The newest events that fit, which is one at least. */
function withinBytes(events: readonly LogEvent[], bytesMax: number): readonly LogEvent[] {
  let bytes = 0;
  let from = events.length;
  while (from > 0) {
    const event = events[from - 1];
    bytes += event === undefined ? 0 : payloadBytes(event.payload);
    if (bytes > bytesMax && from < events.length) break;
    from--;
  }
  return from === 0 ? events : events.slice(from);
}
