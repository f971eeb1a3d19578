import { type Batch, type Farewell, type Framing, type Principal, Session } from "@holdfast/core/server";
import {
  type Bytes,
  type ControlMessage,
  type Draft,
  decodePayload,
  errorOf,
  HoldfastError,
  type Payload,
  type Start,
  toHoldfastError,
} from "@holdfast/protocol";
import type { Listening, TiedWebSocket } from "./tied-websocket.ts";
import type { Accepted } from "./websocket.ts";
import { WebSocketSink } from "./websocket-sink.ts";

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
  readonly #channel: string;
  readonly #format: PlainRequest["format"];
  #session: Session | undefined;
  #published = 0;

  constructor(face: Framing, { channel, format }: PlainRequest) {
    this.slot = face.slot;
    this.#face = face;
    this.#channel = channel;
    this.#format = format;
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
    session.heard();
    session.publish(this.#published++, this.#channel, readDraft(isBinary ? "base64" : this.#format, data));
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
    counts: sink.traffic,
  });
  conversation.begin(session);
  sink.serve(session);
  (websocket as TiedWebSocket).tie(conversation, sink);
  node.attendance.enter(sink);
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
