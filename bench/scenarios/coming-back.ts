import type { Peer } from "../peer.ts";

/** Why a peer's clients cannot be cut off and come back here; undefined when they can. */
export function comesBack({ dialect, isLimit }: Peer): string | undefined {
  if (isLimit === true) return "nobody would come back to a bare loop";
  if (dialect.framing === "sse") return "the clients that come back here speak WebSocket";
  return undefined;
}
