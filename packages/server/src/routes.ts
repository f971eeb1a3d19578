import type { IncomingMessage } from "node:http";
import { HoldfastError, parseChannelName, quoted } from "@holdfast/protocol";
import { type Exchange, splitTarget } from "./exchange.ts";
import type { Node } from "./node.ts";
import { readChannel } from "./routes/channel.ts";
import { closeChannel } from "./routes/close.ts";
import { connect } from "./routes/connect.ts";
import { streamEvents } from "./routes/events.ts";
import { answerLive, answerReady } from "./routes/health.ts";
import { readMetrics } from "./routes/metrics.ts";
import { changePermissions } from "./routes/permissions.ts";
import { listMembers } from "./routes/presence.ts";
import { publish } from "./routes/publish.ts";
import { listRevocations, revoke } from "./routes/revocations.ts";
import { signal } from "./routes/signals.ts";
import { readState } from "./routes/state.ts";
import { readStats } from "./routes/stats.ts";
import { makeTicket } from "./routes/tickets.ts";

/** Answers a request, or rejects with the outcome to answer with. */
export type Handler = (node: Node, exchange: Exchange, channel: string) => Promise<void>;

/** What a path can do. HEAD is GET without the body, and OPTIONS is answered for all. */
export interface Route {
  readonly GET?: Handler;
  readonly POST?: Handler;
  /** Whether a WebSocket can be opened here. */
  readonly upgrades?: boolean;
  /** Whether GET can be answered by a plain event stream. */
  readonly streams?: boolean;
}

const paths: ReadonlyMap<string, Route> = new Map([
  ["/connect", { POST: connect, upgrades: true }],
  ["/events", { GET: streamEvents, streams: true }],
  ["/health/live", { GET: answerLive }],
  ["/health/ready", { GET: answerReady }],
  ["/metrics", { GET: readMetrics }],
  ["/stats", { GET: readStats }],
  ["/permissions/changed", { POST: changePermissions }],
  ["/revocations", { GET: listRevocations, POST: revoke }],
  ["/tickets", { POST: makeTicket }],
]);

/** By what follows the channel's name. */
const channelPaths: ReadonlyMap<string, Route> = new Map([
  ["", { GET: readChannel, POST: publish, upgrades: true, streams: true }],
  ["/close", { POST: closeChannel }],
  ["/state", { GET: readState }],
  ["/signals", { POST: signal }],
  ["/presence", { GET: listMembers }],
]);

const channelsPath = "/channels/";

export interface Match {
  readonly route: Route | undefined;
  /** As it stands in the path: not decoded, and not checked. */
  readonly channelText: string | undefined;
  /** The path with `{channel}` for a name. */
  readonly name: string;
}

/** Finds what a path means; undefined when it is none of ours. */
export function match(path: string): Match | undefined {
  if (!path.startsWith(channelsPath)) {
    const route = paths.get(path);
    return route && { route, channelText: undefined, name: path };
  }
  const end = path.indexOf("/", channelsPath.length);
  const channelText = path.slice(channelsPath.length, end === -1 ? undefined : end);
  const what = end === -1 ? "" : path.slice(end);
  const route = channelPaths.get(what);
  return { route, channelText, name: route === undefined ? "other" : `${channelsPath}{channel}${what}` };
}

/** What a request is for. */
export interface Destination {
  readonly found: Match;
  /** Without the prefix. */
  readonly path: string;
  readonly query: string;
  readonly route: string;
}

/** Undefined for a request that means no path of ours under the prefix. */
export function destinationOf(request: IncomingMessage, prefix: string): Destination | undefined {
  const { path, query } = splitTarget(request.url ?? "/");
  if (!path.startsWith(prefix)) return undefined;
  const found = match(path.slice(prefix.length));
  return found && { found, path: path.slice(prefix.length), query, route: found.name };
}

export function notFound(): HoldfastError {
  return new HoldfastError("not_found", "There is nothing here. Channels are at /channels/{channel}.");
}

/** The channel that a path names; throws `bad_channel`. Rule NAME-1. */
export function channelOf(text: string): string {
  if (!text.includes("%")) return parseChannelName(text);
  try {
    return parseChannelName(decodeURIComponent(text));
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    throw new HoldfastError("bad_channel", "The channel's name has a broken percent-encoding.");
  }
}

export function methodsOf(route: Route): string {
  return [
    ...(route.GET === undefined ? [] : ["GET", "HEAD"]),
    ...(route.POST === undefined ? [] : ["POST"]),
    "OPTIONS",
  ].join(", ");
}

export function handlerFor(route: Route, method: string): Handler | undefined {
  if (method === "GET" || method === "HEAD") return route.GET;
  return method === "POST" ? route.POST : undefined;
}

/** Rule HTTP-2. */
export function methodNotAllowed(route: Route, method: string): HoldfastError {
  const hint = route.upgrades && route.GET === undefined ? " GET is for opening a WebSocket." : "";
  return new HoldfastError(
    "method_not_allowed",
    `This path takes ${methodsOf(route)}, not ${quoted(method)}.${hint}`,
  );
}
