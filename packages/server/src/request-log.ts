import type { IncomingMessage } from "node:http";
import { type HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { thrownField } from "./log.ts";
import type { Node } from "./node.ts";

/** What a proxy or client may name its request: nothing that would need quoting anywhere. */
const requestId = /^[\w.:+=/@-]{1,128}$/;

const ids = new WeakMap<IncomingMessage, string>();

/** The name of a request: what came as `X-Request-Id`, or one of the node's own. Rule SEE-4. */
export function requestIdOf(request: IncomingMessage, node: Node): string {
  const known = ids.get(request);
  if (known !== undefined) return known;
  const given = request.headers["x-request-id"];
  const id = typeof given === "string" && requestId.test(given) ? given : node.nextRequestId();
  ids.set(request, id);
  return id;
}

/**
 * Logs what a request is answered with instead of what it asked for: a fault always, an outcome at `debug`. The path is
 * without the query, which may hold what is nobody's business.
 */
export function logRefusal(node: Node, request: IncomingMessage, path: string, thrown: unknown): void {
  const error: HoldfastError = toHoldfastError(thrown);
  const isFault = error.code === "internal";
  if (!isFault && !node.logs("debug")) return;
  const address = node.proxies.clientOf(request);
  const about = {
    request: requestIdOf(request, node),
    method: request.method,
    path,
    ...(address === undefined ? {} : { address }),
  };
  if (isFault) {
    const fault = thrownField(error.cause ?? error);
    node.log({ level: "error", message: "A request failed.", ...about, error: fault });
  } else {
    const { code, status, message: reason } = error;
    node.log({ level: "debug", message: "A request was refused.", ...about, code, status, reason });
  }
}
