import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import {
  type Batch,
  Dialogue,
  type Farewell,
  type Framing,
  type Gate,
  type Principal,
  Session,
  type WebSocketFramings,
} from "@holdfast/core/server";
import {
  type Bytes,
  type ControlMessage,
  type Draft,
  decodePayload,
  errorOf,
  formatCloseReason,
  HoldfastError,
  type Limits,
  type Payload,
  pongFrame,
  type Start,
  subprotocols,
  toHoldfastError,
} from "@holdfast/protocol";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { tooManyUnfinished } from "../body.ts";
import type { Client } from "../limits/admission.ts";
import { retryAfterMs } from "../limits/retry-after.ts";
import type { ConnectionSocket, Node } from "../node.ts";
import { BufferedSink } from "./buffered-sink.ts";
import { reset, type Taken, writeAll } from "./stream-wire.ts";

/** What `ws` closes for by itself, told as everything else is: with the outcome's code as the reason. */
const ownReasons: ReadonlyMap<number, string> = new Map([
  [1002, "bad_message"],
  [1007, "bad_utf8"],
  [1009, "too_large"],
]);
/** With which `ws` ends a message that has too many parts: for us it is one that is too large. */
const tooManyParts = 1008;

/** Who is told what a client says. */
interface Listening {
  readonly session: Session;
  receive(data: Buffer, isBinary: boolean): void;
}

/** A WebSocket whose listeners are the same functions for all: what belongs to one connection is found through it. */
class TiedWebSocket extends WebSocket {
  listening: Listening | undefined;
  sink: WebSocketSink | undefined;

  /** Ties the socket to a session: everything it is told by the one is passed on to the other. */
  tie(listening: Listening, sink: WebSocketSink): void {
    this.listening = listening;
    this.sink = sink;
    sinks.set(sink.duplex, sink);
    // Before the parser hears of it, which then says what has come whole.
    sink.duplex.prependListener("data", onData);
    this.on("message", onMessage);
    this.on("ping", onPing);
    this.on("pong", onSign);
    this.on("close", onGone);
    // What the peer did wrong is told to it by the close code that follows.
    this.on("error", ignore);
  }

  override close(code?: number, reason?: string | Buffer): void {
    if (code === 1009 && reason === undefined) this.listening?.session.hubs.refused("messageBytesMax");
    const told = code === tooManyParts ? 1009 : code;
    super.close(told, reason ?? (told === undefined ? undefined : ownReasons.get(told)));
  }
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  const { listening, sink } = this as TiedWebSocket;
  sink?.whole();
  if (listening?.session.isClosed !== false) return;
  listening.session.counts?.heard((data as Buffer).length);
  listening.receive(data as Buffer, isBinary);
}

/** By its socket: a listener of its own for each would be kept for as long as its connection. */
const sinks = new WeakMap<Duplex, WebSocketSink>();

function onData(this: Duplex, data: Buffer): void {
  sinks.get(this)?.began(data);
}

function onPing(this: WebSocket, payload: Buffer): void {
  const { listening, sink } = this as TiedWebSocket;
  listening?.session.heard();
  sink?.pong(payload);
}

function onSign(this: WebSocket): void {
  (this as TiedWebSocket).listening?.session.heard();
}

function onGone(this: WebSocket): void {
  const { listening, sink } = this as TiedWebSocket;
  sink?.whole();
  listening?.session.gone();
}

function ignore(): void {}

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

/** The frames of a session are whole and unmasked, and so are those that `ws` writes: on one socket they do not mix. */
class WebSocketSink extends BufferedSink {
  readonly #node: Node;
  readonly #socket: Duplex;
  readonly #websocket: WebSocket;
  #owedPong: Uint8Array | undefined;
  /** Counted as not whole. */
  #unfinished = 0;

  constructor(node: Node, { websocket, socket, client }: Opened) {
    super(node, client, node.traffic.websocket);
    this.#node = node;
    this.#websocket = websocket;
    this.#socket = socket;
  }

  get duplex(): Duplex {
    return this.#socket;
  }

  /** Something came that may be a part of a message. */
  began(data: Uint8Array): void {
    const { unfinished } = this.#node;
    this.#unfinished += unfinished.hold(data);
    if (!unfinished.isExceeded || this.session.isClosed) return;
    // Told before it is heard: what has come whole by this is lost with it, as by any cut.
    this.session.close({ kind: "refused", error: tooManyUnfinished(this.#node) });
  }

  /** A message has come whole, or no more of it will come. */
  whole(): void {
    this.#node.unfinished.release(this.#unfinished);
    this.#unfinished = 0;
  }

  get socket(): ConnectionSocket {
    return this.#socket as Socket;
  }

  protected get inSocket(): number {
    return this.#socket.writableLength;
  }

  get isWritable(): boolean {
    return this.#websocket.readyState === WebSocket.OPEN;
  }

  protected put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: Taken): void {
    writeAll(this.#socket, first, rest, taken);
  }

  protected cut(): void {
    reset(this.#socket);
  }

  /** Answers a ping; while the client takes nothing, the latest one waits alone. RFC 6455 §5.5.3; rule LIM-6. */
  pong(payload: Uint8Array): void {
    if (this.session.isClosed) return;
    // Copied: it is a view of all that came with it.
    if (this.session.full) this.#owedPong = payload.slice();
    else this.session.transmit(pongFrame(payload));
  }

  protected override resumed(): void {
    const owed = this.#owedPong;
    this.#owedPong = undefined;
    if (owed !== undefined) this.pong(owed);
  }

  close(farewell: Farewell): void {
    this.flush();
    const [code, reason] = closeFor(farewell);
    // While input is paused the client's own close frame would never be read.
    this.#websocket.resume();
    this.#websocket.once(
      "close",
      this.#node.farewells.begin(() => this.#websocket.terminate()),
    );
    this.#websocket.close(code, reason);
  }

  pauseInput(paused: boolean): void {
    if (paused) this.#websocket.pause();
    else this.#websocket.resume();
  }
}

/** What a connection is closed with. Rules ERR-1, LIM-4. */
function closeFor(farewell: Farewell): [code: number, reason: string] {
  switch (farewell.kind) {
    case "ended":
      return [1000, "ended"];
    case "refused":
      return [farewell.error.closeCode, formatCloseReason(farewell.error.code, retryAfterMs(farewell.error))];
    case "reconnect":
      return [1012, formatCloseReason(farewell.reason, farewell.delayMs)];
  }
}

/** A socket that has become a WebSocket, and how it frames. */
export interface Opened {
  readonly websocket: WebSocket;
  readonly socket: Duplex;
  readonly faces: WebSocketFramings;
  readonly client: Client;
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
    onSooner: () => node.expect(sink),
    onClose: (farewell) => node.leave(sink, farewell),
    counts: sink.traffic,
  });
  const credential = token === undefined ? {} : { token };
  const identified = ({ user }: Principal) => node.admission.identify(client, user);
  const dialogue = new Dialogue({ session, gate, limits, clock, form, identified, ...credential });
  sink.serve(session, dialogue);
  const receive = (data: Buffer, isBinary: boolean) => dialogue.receive(isBinary ? data : data.toString());
  (websocket as TiedWebSocket).tie({ session, receive }, sink);
  node.enter(sink);
}

/** What a plain WebSocket asks for. */
export interface PlainRequest {
  readonly channel: string;
  readonly start: Start;
  /** How its text messages are published. */
  readonly format: "json" | "text";
  readonly principal: Principal;
}

/** What is said and heard on a plain WebSocket. */
class PlainConversation implements Framing, Listening {
  readonly slot: number;
  readonly #face: Framing;
  readonly #request: PlainRequest;
  #session: Session | undefined;
  #published = 0;

  constructor(face: Framing, request: PlainRequest) {
    this.slot = face.slot;
    this.#face = face;
    this.#request = request;
  }

  begin(session: Session): void {
    this.#session = session;
  }

  get session(): Session {
    if (this.#session === undefined) throw new Error("A conversation has a session.");
    return this.#session;
  }

  events(batch: Batch): Bytes {
    return this.#face.events(batch);
  }

  /** What is said by the end of the connection is written first. */
  control(message: ControlMessage): Bytes | undefined {
    if (message.type === "end") this.#closeSoon({ kind: "ended" });
    else if (message.type === "unsubscribed" && message.code !== undefined) {
      this.#closeSoon({ kind: "refused", error: new HoldfastError(message.code, message.reason) });
    } else if (message.type === "error" && message.ref === undefined) {
      this.#closeSoon({ kind: "refused", error: errorOf(message) });
    }
    return this.#face.control(message);
  }

  #closeSoon(farewell: Farewell): void {
    queueMicrotask(() => this.session.close(farewell));
  }

  receive(data: Buffer, isBinary: boolean): void {
    const { session } = this;
    const { channel, format } = this.#request;
    session.heard();
    session.publish(this.#published++, channel, readDraft(isBinary ? "base64" : format, data));
  }
}

/** One channel as WebSocket messages, both ways. Rules WSP-1 to WSP-3. */
export async function serveChannel(accepted: Accepted, request: PlainRequest): Promise<void> {
  const { node, websocket, faces, gate, client } = accepted;
  const { channel, start, principal } = request;
  const sink = new WebSocketSink(node, accepted);
  const conversation = new PlainConversation(faces.plainWebSocket, request);
  const session = new Session({
    id: node.nextSessionId(),
    hubs: node.hubs,
    sink,
    framing: conversation,
    gate,
    limits: node.limits,
    clock: node.clock,
    principal,
    address: client.address,
    hears: true,
    ageMsMax: node.drawAgeMs(),
    onClose: (farewell) => node.leave(sink, farewell),
    counts: sink.traffic,
  });
  conversation.begin(session);
  sink.serve(session);
  (websocket as TiedWebSocket).tie(conversation, sink);
  node.enter(sink);
  // Nothing is answered before the position has been told.
  session.holdInput(true);
  await session.subscribe({ channel, start, signals: false, presence: false });
  session.holdInput(false);
}

/** A message as what it publishes, or why it cannot be read. Rule WSP-2. */
function readDraft(encoding: Payload["encoding"], data: Buffer): readonly Draft[] | HoldfastError {
  try {
    return [{ payload: decodePayload(encoding, data) }];
  } catch (thrown) {
    return toHoldfastError(thrown);
  }
}
