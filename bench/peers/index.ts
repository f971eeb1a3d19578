import type { Peer } from "../peer.ts";
import { holdfast } from "./holdfast.ts";
import { net } from "./net.ts";
import { ws } from "./ws.ts";

/** All that can be measured, in the order in which it is shown. */
export const peers: readonly Peer[] = [holdfast, ws, net];

/** Throws when there is no such peer. */
export function peerNamed(name: string): Peer {
  const peer = peers.find((one) => one.name === name);
  if (peer !== undefined) return peer;
  throw new Error(`There is no peer "${name}"; there are ${peers.map((one) => one.name).join(", ")}.`);
}
