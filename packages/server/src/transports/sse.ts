import type { ServerResponse } from "node:http";
import {
  Dialogue,
  type Farewell,
  type Framing,
  framings,
  type Gate,
  type Principal,
  Session,
} from "@holdfast/core/server";
import {
  type ControlMessage,
  encodeUtf8,
  errorMessage,
  formatSse,
  type Hello,
  HoldfastError,
  type Start,
} from "@holdfast/protocol";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";
import { BufferedSink } from "./buffered-sink.ts";
import { observed } from "./observed.ts";

const streamHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/** Before `begin` nothing leaves, so that a refusal can still be a status. Rules SSE-1, SSE-7. */
class StreamSink extends BufferedSink {
  readonly #exchange: Exchange;
  readonly #response: ServerResponse;
  readonly #node: Node;
  /** In which an error is told once the stream has begun; where there is none, its end has to do. */
  readonly #errors: Framing | undefined;

  constructor(exchange: Exchange, node: Node, errors?: Framing) {
    super(node.tick, node.limits.connectionBufferBytesMax, true);
    this.#exchange = exchange;
    this.#response = exchange.response;
    this.#node = node;
    this.#errors = errors;
  }

  get unsent(): number {
    return this.#response.writableLength;
  }

  get isWritable(): boolean {
    return !this.#exchange.isGone && !this.#response.writableEnded;
  }

  /** Starts the stream with its headers and what was said so far. */
  begin(): void {
    this.#response.writeHead(200, this.#exchange.headersWith(streamHeaders));
    this.release();
    this.#response.flushHeaders();
  }

  protected put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: () => void): void {
    if (rest === undefined) {
      this.#response.write(first, taken);
      return;
    }
    this.#response.cork();
    this.#response.write(first);
    for (const [index, bytes] of rest.entries()) {
      this.#response.write(bytes, index === rest.length - 1 ? taken : undefined);
    }
    this.#response.uncork();
  }

  close(farewell: Farewell): void {
    if (!this.isWritable) return;
    if (!this.#response.headersSent) {
      if (farewell.kind === "refused") this.#exchange.fail(farewell.error);
      else if (farewell.kind === "ended") this.#exchange.answer(204, undefined);
      else this.#exchange.fail(new HoldfastError("draining"));
      return;
    }
    if (farewell.kind === "refused") {
      const last = this.#errors?.control(errorMessage(farewell.error));
      if (last !== undefined) this.write(last);
    }
    this.flush();
    this.#response.end();
    this.#exchange.onClose(this.#node.farewells.begin(() => this.#response.destroy()));
  }

  /** A stream has no input. */
  pauseInput(): void {}
}

function openLink(
  node: Node,
  exchange: Exchange,
  sink: StreamSink,
  face: { framing: Framing; principal: Principal; gate: Gate },
): Session {
  const session = new Session({
    ...face,
    id: node.nextSessionId(),
    hubs: node.hubs,
    sink,
    limits: node.limits,
    clock: node.clock,
    hears: false,
    onClose: () => node.leave(link),
  });
  const link = sink.linkTo(session, session);
  sink.onDrained = () => session.drained();
  exchange.onClose(() => session.gone());
  node.enter(link);
  return session;
}

/** A reconnection time for EventSource, drawn so that those who are cut together do not come back together. */
function drawRetryMs(): number {
  return 1000 + Math.floor(Math.random() * 2000);
}

/** What a plain stream has heard its session say, and what that means for the answer. */
class PlainStream {
  refusal: HoldfastError | undefined;
  /** Whether there was anything to read but the end. Rule SSE-5. */
  #isEmpty = true;
  #open: number;
  readonly #starts = new Map<string, string>();
  /** Called when every channel has ended. */
  onEnd: (() => void) | undefined;

  constructor(channels: number) {
    this.#open = channels;
  }

  get hasEnded(): boolean {
    return this.#open === 0;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  hear(message: ControlMessage): void {
    switch (message.type) {
      case "subscribed":
        this.#starts.set(message.channel, message.cursor);
        return;
      case "gap":
        this.#isEmpty = false;
        return;
      case "error":
        this.refusal ??= new HoldfastError(message.code, message.message);
        return;
      case "end":
        if (this.#starts.get(message.channel) !== message.cursor) this.#isEmpty = false;
        this.#open--;
        if (this.hasEnded) this.onEnd?.();
        return;
      default:
    }
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
  node.admit();
  const stream = new PlainStream(starts.size);
  const sink = new StreamSink(exchange, node);
  const framing = observed(face, (message) => stream.hear(message));
  const gate = node.gatekeeper.gateFor(exchange.request);
  sink.write(encodeUtf8(formatSse({ retryMs: drawRetryMs() })));
  const session = openLink(node, exchange, sink, { framing, principal, gate });
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
    exchange.answer(200, undefined, streamHeaders);
    return;
  }
  sink.begin();
  const end = () => session.close({ kind: "ended" });
  // The end itself is written first.
  stream.onEnd = () => queueMicrotask(end);
  if (stream.hasEnded) end();
}

/** The session protocol as Server-Sent Events, one message a block. Rules SES-2, SES-3. */
export function streamSession(node: Node, exchange: Exchange, hello: Hello, principal: Principal): void {
  node.admit();
  const { limits, clock } = node;
  const framing = framings.sessionSse;
  const sink = new StreamSink(exchange, node, framing);
  const gate = node.gatekeeper.gateFor(exchange.request);
  const session = openLink(node, exchange, sink, { framing, principal, gate });
  const dialogue = new Dialogue({ session, gate, limits, clock });
  // Says `welcome` before it waits for anything.
  void dialogue.begin(hello, principal);
  sink.begin();
}
