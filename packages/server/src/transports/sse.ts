import {
  type Batch,
  Dialogue,
  type Farewell,
  type Framing,
  framings,
  type Gate,
  type Principal,
  Session,
} from "@holdfast/core/server";
import {
  type Bytes,
  type ControlMessage,
  errorOf,
  formatSse,
  type Hello,
  HoldfastError,
  type Start,
} from "@holdfast/protocol";
import { checkIntact, type Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { StreamSink } from "./stream-sink.ts";

function openSession(
  node: Node,
  sink: StreamSink,
  face: { framing: Framing; principal: Principal; gate: Gate; moves?: boolean },
): Session {
  const session = new Session({
    ...face,
    id: node.nextSessionId(),
    hubs: node.hubs,
    sink,
    limits: node.limits,
    clock: node.clock,
    address: sink.client.address,
    hears: false,
    ageMsMax: node.drawAgeMs(),
    counts: sink.traffic,
  });
  sink.serve(session);
  node.attendance.enter(sink);
  return session;
}

/** A reconnection time for EventSource, drawn so that those who are cut together do not come back together. */
function drawRetryMs(): number {
  return 1000 + Math.floor(Math.random() * 2000);
}

/**
 * The face of a plain stream, which hears what its session says before that is written: some of it is said by a status,
 * or by the end of the stream.
 */
class PlainStream implements Framing {
  readonly slot: number;
  readonly #face: Framing;
  refusal: HoldfastError | undefined;
  /** Whether there was anything to read but the end. Rule SSE-5. */
  #isEmpty = true;
  #open: number;
  /** Where each channel begins, until the stream has. */
  #starts: Map<string, string> | undefined = new Map();
  #session: Session | undefined;

  constructor(face: Framing, channels: number) {
    this.slot = face.slot;
    this.#face = face;
    this.#open = channels;
  }

  get hasEnded(): boolean {
    return this.#open === 0;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** From now on the stream ends by itself when every channel has. */
  begin(session: Session): void {
    this.#starts = undefined;
    this.#session = session;
    if (this.hasEnded) session.close({ kind: "ended" });
  }

  events(batch: Batch): Bytes {
    return this.#face.events(batch);
  }

  control(message: ControlMessage): Bytes | undefined {
    this.#hear(message);
    return this.#face.control(message);
  }

  #hear(message: ControlMessage): void {
    switch (message.type) {
      case "subscribed":
        this.#starts?.set(message.channel, message.cursor);
        return;
      case "gap":
        this.#isEmpty = false;
        return;
      case "unsubscribed":
        if (message.code !== undefined) this.#refuse(new HoldfastError(message.code, message.reason));
        return;
      case "error":
        this.refusal ??= errorOf(message);
        return;
      case "end":
        if (this.#starts?.get(message.channel) !== message.cursor) this.#isEmpty = false;
        this.#open--;
        if (this.hasEnded) this.#closeSoon({ kind: "ended" });
        return;
      default:
    }
  }

  /** One channel that may not be read any more ends the stream: its next request is told so. */
  #refuse(error: HoldfastError): void {
    this.refusal ??= error;
    this.#closeSoon({ kind: "refused", error });
  }

  /** The end itself is written first. */
  #closeSoon(farewell: Farewell): void {
    const session = this.#session;
    if (session !== undefined) queueMicrotask(() => session.close(farewell));
  }
}

/**
 * One or several channels as Server-Sent Events, in one of the plain faces. Rules SSE-1 to SSE-8.
 *
 * Rejects with what stands in the way before the first byte has left.
 */
export async function streamChannels(
  node: Node,
  exchange: Exchange,
  principal: Principal,
  starts: ReadonlyMap<string, Start>,
  face: Framing,
): Promise<void> {
  // While it was looked up who that is, the client may have left.
  checkIntact(exchange);
  const client = node.clientOf(exchange.request, principal);
  node.admit(client);
  const sink = new StreamSink(exchange, node, client);
  const stream = new PlainStream(sink.framing(face), starts.size);
  const gate = node.gatekeeper.gateFor(exchange.request);
  sink.writeText(formatSse({ retryMs: drawRetryMs() }));
  const session = openSession(node, sink, { framing: stream, principal, gate });
  await Promise.all(
    [...starts].map(([channel, start]) =>
      session.subscribe({ channel, start, signals: false, presence: false }),
    ),
  );
  // The client left, or the node did, while the log was asked.
  if (session.isClosed) return;
  if (stream.refusal !== undefined) {
    session.gone();
    throw stream.refusal;
  }
  if (stream.hasEnded && stream.isEmpty) {
    session.close({ kind: "ended" });
    return;
  }
  if (exchange.isHead) {
    session.gone();
    exchange.answer(200, undefined, sink.headersOf(exchange));
    return;
  }
  sink.begin();
  stream.begin(session);
}

/** The session protocol as Server-Sent Events, one message a block. Rules SES-2, SES-3. */
export function streamSession(node: Node, exchange: Exchange, hello: Hello, principal: Principal): void {
  const client = node.clientOf(exchange.request, principal);
  node.admit(client);
  const { limits, clock } = node;
  const sink = new StreamSink(exchange, node, client, framings.sessionSse);
  const framing = sink.framing(framings.sessionSse);
  const gate = node.gatekeeper.gateFor(exchange.request);
  const session = openSession(node, sink, { framing, principal, gate, moves: true });
  const dialogue = new Dialogue({ session, gate, limits, clock });
  // Says `welcome` before it waits for anything.
  void dialogue.begin(hello, principal);
  sink.begin();
}
