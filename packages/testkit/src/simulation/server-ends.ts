import { Dialogue, type Farewell, framings, type Principal, Session, type Sink } from "@holdfast/core/server";
import {
  encodeUtf8,
  errorMessage,
  type Hello,
  HoldfastError,
  joinBytes,
  toHoldfastError,
  toProblem,
} from "@holdfast/protocol";
import type { Line, ServerEnd } from "./line.ts";
import type { ServerNode } from "./server-node.ts";

/** Something with deadlines of its own. */
export interface Timed {
  readonly deadline: number;
  tick(now: number): void;
}

/** Bytes that arrive in the order they were written, and the bound that a session must respect. */
abstract class LineSink implements Sink {
  protected readonly node: ServerNode;
  protected readonly line: Line;
  #isFull = false;
  #isClosed = false;
  onDrained: () => void = () => {};

  constructor(node: ServerNode, line: Line) {
    this.node = node;
    this.line = line;
  }

  write(bytes: Uint8Array): boolean {
    const { checker, bounds } = this.node.host;
    if (this.#isClosed) checker.fail("BND", `${this.line}: was written to after it was closed`);
    if (this.#isFull) this.#checkPatience(bytes);
    this.line.down.send({ is: "bytes", bytes }, bytes.length);
    const { bytesInFlight } = this.line.down;
    checker.bound(() => `what waits to be sent on ${this.line}`, bytesInFlight, bounds.lineBytesMax);
    if (bytesInFlight >= bounds.sinkBytesMax) this.#isFull = true;
    return !this.#isFull;
  }

  /** Answers and starts are bounded by what the client asked; what a reader could wait for is not. Rule BND-1. */
  #checkPatience(bytes: Uint8Array): void {
    const type = /"type":"(events|gap|heartbeat|signal|presence)"/.exec(Buffer.from(bytes).toString())?.[1];
    if (type !== undefined)
      this.node.host.checker.fail("BND", `${this.line}: "${type}" was written to a full sink`);
  }

  taken(): void {
    if (!this.#isFull || this.line.down.bytesInFlight > 0) return;
    this.#isFull = false;
    this.onDrained();
  }

  close(farewell: Farewell): void {
    this.#isClosed = true;
    this.sayFarewell(farewell);
  }

  protected abstract sayFarewell(farewell: Farewell): void;
  abstract pauseInput(paused: boolean): void;
}

class WebSocketSink extends LineSink {
  protected sayFarewell(farewell: Farewell): void {
    const [code, reason] =
      farewell.kind === "ended"
        ? [1000, "ended"]
        : farewell.kind === "reconnect"
          ? [1012, farewell.reason]
          : [farewell.error.closeCode, farewell.error.code];
    this.line.down.send({ is: "closed", code, reason });
  }

  pauseInput(paused: boolean): void {
    if (paused) this.line.up.hold("pause");
    else this.line.up.release("pause");
  }
}

/** Serves a WebSocket of the session protocol. */
export function serveWebSocket(node: ServerNode, line: Line): ServerEnd {
  const { limits, gate, clock } = node.host;
  const sink = new WebSocketSink(node, line);
  const session = new Session({
    id: String(line.id),
    hubs: node.hubs,
    sink,
    framing: framings.sessionWebSocket,
    gate,
    limits,
    clock,
    principal: {},
    hears: true,
    onClose: () => node.leave(session),
  });
  const dialogue = new Dialogue({ session, gate, limits, clock });
  sink.onDrained = () => session.drained();
  node.enter(session, dialogue);
  line.down.send({ is: "accepted" });
  return {
    receive: (text) => {
      if (!session.isClosed) dialogue.receive(text);
    },
    taken: () => sink.taken(),
    gone: () => session.gone(),
  };
}

class StreamSink extends LineSink {
  protected sayFarewell(farewell: Farewell): void {
    const last = farewell.kind === "refused" && framings.sessionSse.control(errorMessage(farewell.error));
    if (last) this.line.down.send({ is: "bytes", bytes: last }, last.length);
    this.line.down.send({ is: "ended" });
  }

  pauseInput(): void {}
}

/** Serves the session protocol as an event stream. */
export function serveStream(node: ServerNode, line: Line, hello: Hello, principal: Principal): ServerEnd {
  const { limits, gate, clock } = node.host;
  const sink = new StreamSink(node, line);
  const session = new Session({
    id: String(line.id),
    hubs: node.hubs,
    sink,
    framing: framings.sessionSse,
    gate,
    limits,
    clock,
    principal,
    hears: false,
    onClose: () => node.leave(session),
  });
  sink.onDrained = () => session.drained();
  node.enter(session, session);
  line.down.send({ is: "accepted" });
  void new Dialogue({ session, gate, limits, clock }).begin(hello, principal);
  return { receive: () => {}, taken: () => sink.taken(), gone: () => session.gone() };
}

const comma = encodeUtf8(",");

/** Serves the session protocol as one JSON answer. Rule SES-6. */
export function serveAnswer(
  node: ServerNode,
  line: Line,
  request: { hello: Hello; principal: Principal; waitMs: number },
): ServerEnd {
  const { limits, gate, clock, timeline, brokerDeadlineMs } = node.host;
  const { hello, principal, waitMs } = request;
  const parts: Uint8Array[] = [];
  const endsAt = timeline.now + (waitMs === 0 ? brokerDeadlineMs : waitMs);
  let bytes = 0;
  let isBegun = false;
  let isDue = false;
  let isClosed = false;
  const sink: Sink = {
    write(part) {
      parts.push(part);
      bytes += part.length;
      node.host.checker.bound(() => `an answer on ${line}`, bytes, node.host.bounds.answerBytesMax);
      decide();
      return bytes < limits.pageBytesMax;
    },
    close(farewell) {
      if (farewell.kind === "refused") {
        const last = framings.sessionText.control(errorMessage(farewell.error));
        if (last !== undefined) parts.push(last);
      }
      isClosed = true;
      decide();
    },
    pauseInput() {},
  };
  const session = new Session({
    id: String(line.id),
    hubs: node.hubs,
    sink,
    framing: framings.sessionText,
    gate,
    limits,
    clock,
    principal,
    hears: false,
    onClose: () => node.leave(session),
  });
  const answer = () => {
    const more = !session.caughtUp && !isClosed;
    session.gone();
    const separated = parts.flatMap((part, index) => (index === 0 ? [part] : [comma, part]));
    const text = `{"messages":[${Buffer.from(joinBytes(separated)).toString()}],"more":${more}}`;
    line.down.send({ is: "body", status: 200, text }, text.length);
  };
  const decide = () => {
    if (isDue || !isBegun) return;
    const isKnown = session.told || isClosed || (waitMs === 0 && session.caughtUp);
    if (!isKnown && timeline.now < endsAt) return;
    isDue = true;
    node.atTurnEnd(answer);
  };
  const deadline = () => (isDue ? Number.POSITIVE_INFINITY : waitMs === 0 ? timeline.now : endsAt);
  node.enter(session, {
    get deadline() {
      return deadline();
    },
    tick: decide,
  });
  void new Dialogue({ session, gate, limits, clock }).begin(hello, principal).then(() => {
    isBegun = true;
    decide();
  });
  return { receive: () => {}, taken: () => {}, gone: () => session.gone() };
}

/** Answers with an outcome, as HTTP does. */
export function refuse(line: Line, thrown: unknown): void {
  const error = thrown instanceof HoldfastError ? thrown : toHoldfastError(thrown);
  line.down.send({ is: "body", status: error.status, text: JSON.stringify(toProblem(error)) });
}
