import type { Page } from "@holdfast/core/server";
import { formatCursor, type Start } from "@holdfast/protocol";
import { Content } from "../compression/content.ts";
import { namedTag, pageTag } from "../entity-tag.ts";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";

/** What a JSON read asks for. */
export interface PageRequest {
  readonly channel: string;
  /** Undefined asks for the newest page. */
  readonly start: Start | undefined;
  readonly limit: number;
}

export async function readPage(node: Node, { channel, start, limit }: PageRequest): Promise<Page> {
  const limits = { eventsMax: limit, bytesMax: node.limits.pageBytesMax };
  return await node.hubs.page(channel, start ?? { last: limit }, limits);
}

/**
 * How a page that can never change may be kept: by anybody where anybody may read it. Elsewhere only by the client, which
 * asks each time whether it still may: the next user of that browser may not. Rule JSON-4.
 */
function cachingOf({ gatekeeper }: Node, channel: string): string {
  return gatekeeper.isPublic(channel) ? "public, max-age=86400" : "private, no-cache";
}

/** Answers with a page, or with 304 when the client has it already. Rules JSON-1, JSON-2, JSON-4. */
export function answerPage(node: Node, exchange: Exchange, page: Page, isExact: boolean): void {
  if (page.gap !== null) exchange.traffic.gap(page.gap.reason);
  node.meters.pageEvents += page.events.length;
  const tag = pageTag(page.to, page);
  const isImmutable = isExact && page.exact && page.more && page.gap === null;
  const headers = {
    ETag: tag,
    "Cache-Control": isImmutable ? cachingOf(node, page.channel) : "no-store",
    // The same URL is an event stream for those who ask for one.
    Vary: "Accept",
  };
  const named = namedTag(exchange.header("if-none-match"), tag);
  if (named === undefined) exchange.answerContent(contentOf(page), headers);
  else exchange.answer(304, undefined, exchange.varied({ ...headers, ETag: named }));
}

/** The bodies of pages that somebody is being answered with right now. */
const contents = new WeakMap<Page, Content>();

/** Those who were answered with a page together share its body. */
function contentOf(page: Page): Content {
  let content = contents.get(page);
  if (content === undefined) {
    content = new Content(formatPage(page));
    contents.set(page, content);
  }
  return content;
}

function formatPage({ channel, from, to, events, more, closed, gap }: Page): string {
  const gapJson =
    gap === null
      ? "null"
      : JSON.stringify({ from: formatCursor(gap.from), to: formatCursor(gap.to), reason: gap.reason });
  return (
    `{"channel":"${channel}","from":"${formatCursor(from)}","cursor":"${formatCursor(to)}",` +
    `"events":[${events.map((event) => event.json).join(",")}],"more":${more},"closed":${closed},"gap":${gapJson}}`
  );
}
