import { Dialogue, type Gate, type Principal, Session } from "@holdfast/core/server";
import { type Limits, subprotocols } from "@holdfast/protocol";
import { WebSocketServer } from "ws";
import type { Node } from "../node.ts";
import { TiedWebSocket } from "./tied-websocket.ts";
import { type Opened, WebSocketSink } from "./websocket-sink.ts";

const spoken: ReadonlySet<string> = new Set(Object.values(subprotocols));

/** The first that the client offers and this server speaks: its order says what it likes best. Rule SES-5. */
export function chooseSubprotocol(offered: Iterable<string>): string | undefined {
  for (const one of offered) if (spoken.has(one)) return one;
  return undefined;
}

/** Makes what does the handshake and the parsing; it listens to nothing itself. */
export function createAcceptor({ messageBytesMax }: Limits, closeTimeoutMs: number): WebSocketServer {
  const options = {
    noServer: true,
    clientTracking: false,
    // Each connection's own compressor would cost more memory than all the rest of it, and end the sharing of bytes:
    // where compression is on, `negotiateDeflate` sees to it.
    perMessageDeflate: false,
    maxPayload: messageBytesMax,
    // As many as a message of the largest size is ever cut into by those who mean well.
    maxFragments: 4096,
    maxBufferedChunks: 16_384,
    // It would answer every ping of a client that takes no answers, and keep them all.
    autoPong: false,
    closeTimeout: closeTimeoutMs,
    WebSocket: TiedWebSocket,
    // An offer of which nothing is spoken was refused before.
    handleProtocols: (offered: Set<string>) => chooseSubprotocol(offered) ?? false,
  };
  return new WebSocketServer(options);
}

/** The same with the node, and the gate of the request it came with. */
export interface Accepted extends Opened {
  readonly node: Node;
  readonly gate: Gate;
}

/** Speaks the session protocol on a WebSocket, in the form that was agreed on. Rules SES-1 to SES-7. */
export function serveSession(accepted: Accepted, token: string | undefined): void {
  const { node, websocket, faces, gate, client } = accepted;
  const { hubs, limits, clock } = node;
  const sink = new WebSocketSink(node, accepted);
  const form = websocket.protocol === subprotocols.msgpack ? "msgpack" : "json";
  const session = new Session({
    id: node.nextSessionId(),
    hubs,
    sink,
    framing: form === "msgpack" ? faces.msgpackWebSocket : faces.sessionWebSocket,
    gate,
    limits,
    clock,
    principal: {},
    address: client.address,
    hears: true,
    moves: true,
    ageMsMax: node.drawAgeMs(),
    renews: true,
    counts: sink.traffic,
  });
  const credential = token === undefined ? {} : { token };
  const identified = ({ user }: Principal) => node.admission.identify(client, user);
  const dialogue = new Dialogue({ session, gate, limits, clock, form, identified, ...credential });
  sink.serve(session, dialogue);
  const receive = (data: Buffer, isBinary: boolean) => dialogue.receive(isBinary ? data : data.toString());
  (websocket as TiedWebSocket).tie({ session, receive }, sink);
  node.attendance.enter(sink);
}
