import { isCurrent, type Page, type Principal } from "@holdfast/core/server";
import type { Cursor } from "@holdfast/protocol";
import { namedTag, pageTag } from "../entity-tag.ts";
import type { Exchange } from "../exchange.ts";
import type { Client } from "../limits/admission.ts";
import type { Node } from "../node.ts";
import { answerPage, type PageRequest, readPage } from "./poll.ts";

/** Answers with a page, held for `waitMs` while it would tell the client nothing. Rule JSON-3. */
export async function answerHeldPage(
  node: Node,
  exchange: Exchange,
  request: PageRequest,
  { waitMs, principal }: { waitMs: number; principal: Principal },
): Promise<void> {
  const client = node.clientOf(exchange.request, principal);
  const longest = node.clock.now() + waitMs;
  const until = Math.min(longest, principal.expiresAt ?? longest);
  const standing = node.gatekeeper.standingOf(principal);
  let page = await readPage(node, request);
  // The log may have taken its time.
  await standing.confirm("read", request.channel);
  let wanted = request;
  let wasHeld = false;
  while (tellsNothing(exchange, page) && node.clock.now() < until && !(wasHeld && node.isDraining)) {
    // An empty page is continued where it ended: "latest" means another place by now.
    if (page.events.length === 0) wanted = { ...request, start: { after: page.to } };
    await hold({ node, exchange, client, principal }, { channel: request.channel, after: page.to, until });
    if (exchange.isGone) return;
    wasHeld = true;
    const next = await readPage(node, wanted);
    // What has come since is not this principal's to read any more: the answer is the page that it had.
    if (!isCurrent(principal, node.clock.now())) break;
    await standing.confirm("read", request.channel);
    page = next;
  }
  answerPage(node, exchange, page, isGiven(request));
}

function isGiven({ start }: PageRequest): boolean {
  return start !== undefined && "after" in start && typeof start.after !== "string";
}

/** Whether the page is empty, or one that the client has already; and nothing else is known. */
function tellsNothing(exchange: Exchange, page: Page): boolean {
  if (page.more || page.closed || page.gap !== null) return false;
  return (
    page.events.length === 0 ||
    namedTag(exchange.header("if-none-match"), pageTag(page.to, page)) !== undefined
  );
}

/** Whom an answer is held for. */
interface Held {
  readonly node: Node;
  readonly exchange: Exchange;
  readonly client: Client;
  readonly principal: Principal;
}

/** Resolves when something lies after the cursor, the time is over, or it is to be found out who may be answered at all. */
function hold(
  { node, exchange, client, principal }: Held,
  { channel, after, until }: { channel: string; after: Cursor; until: number },
): Promise<void> {
  node.checkRoom(client);
  exchange.traffic = node.traffic.longPoll;
  return new Promise((resolve, reject) => {
    let isOver = false;
    let cancel = () => {};
    const end = () => {
      if (isOver) return;
      isOver = true;
      cancel();
      forget();
      node.deadlines.delete(timed);
      node.attendance.letGo(waiter);
      resolve();
    };
    const timed = { deadline: until, tick: end };
    const waiter = { client, principal, drain: end, look: end, openedAt: performance.now() };
    node.deadlines.add(timed);
    node.attendance.hold(waiter);
    const forget = exchange.onClose(end);
    node.hubs.wait(channel, after, end).then(
      (stop) => {
        if (isOver) stop();
        else cancel = stop;
      },
      (error: unknown) => {
        // Settled first by this: a promise takes the first answer only.
        reject(error);
        end();
      },
    );
  });
}
