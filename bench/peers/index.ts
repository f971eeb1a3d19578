import type { Peer } from "../peer.ts";
import { betterSse } from "./better-sse.ts";
import { centrifugo } from "./centrifugo.ts";
import { holdfast } from "./holdfast.ts";
import { holdfastDeflate, holdfastUndeflated } from "./holdfast-deflate.ts";
import { holdfastSession } from "./holdfast-session.ts";
import { holdfastSse } from "./holdfast-sse.ts";
import { holdfastRestarted, holdfastWorkers } from "./holdfast-workers.ts";
import { net } from "./net.ts";
import { netSse } from "./net-sse.ts";
import { socketIo } from "./socket-io.ts";
import { socketIoRecovery } from "./socket-io-recovery.ts";
import { ws } from "./ws.ts";
import { wsDeflate } from "./ws-deflate.ts";

/** All that can be measured, in the order in which it is shown. */
export const peers: readonly Peer[] = [
  holdfast,
  holdfastSession,
  ws,
  socketIo,
  socketIoRecovery,
  centrifugo,
  net,
  holdfastSse,
  betterSse,
  netSse,
  holdfastWorkers,
  holdfastRestarted,
  holdfastDeflate,
  holdfastUndeflated,
  wsDeflate,
];

/** Throws when there is no such peer. */
export function peerNamed(name: string): Peer {
  const peer = peers.find((one) => one.name === name);
  if (peer !== undefined) return peer;
  throw new Error(`There is no peer "${name}"; there are ${peers.map((one) => one.name).join(", ")}.`);
}
