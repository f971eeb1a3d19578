import {
  Dialogue,
  type Farewell,
  type Framing,
  framings,
  type MessageForm,
  type Principal,
  type Retracted,
  Session,
  type Sink,
} from "@holdfast/core/server";
import {
  encodeUtf8,
  errorMessage,
  type Hello,
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

interface SessionParts {
  readonly sink: Sink;
  readonly framing: Framing;
  /** The client can be heard on this line. */
  readonly hears: boolean;
  /** It can bring a new token on it. */
  readonly renews?: boolean;
  /** Its client opens the next one before it drops this one. */
  readonly moves?: boolean;
  readonly form?: MessageForm;
  readonly principal: Principal;
}

function openSession(
  node: ServerNode,
  line: Line,
  { form = "json", ...parts }: SessionParts,
): { session: Session; dialogue: Dialogue } {
  const { gate } = node;
  const { limits, clock } = node.host;
  const session = new Session({
    ...parts,
    id: String(line.id),
    hubs: node.hubs,
    gate,
    limits,
    clock,
  });
  return { session, dialogue: new Dialogue({ session, gate, limits, clock, form }) };
}

/** Nothing is given to who may not have it now. Rules AUTH-1, EXP-3. */
function checkRight(node: ServerNode, line: Line, session: Session | undefined, bytes: Uint8Array): void {
  const fault = session && node.guard?.faultOf(bytes, session);
  if (fault !== undefined) node.host.checker.fail("AUTH", `${line}: ${fault}`);
}

/** Bytes that arrive in the order they were written, and the bound that a session must respect. */
abstract class LineSink implements Sink {
  protected readonly node: ServerNode;
  protected readonly line: Line;
  #isFull = false;
  #isClosed = false;
  /** Whose sink this is. */
  session: Session | undefined;
  onDrained: () => void = () => {};

  constructor(node: ServerNode, line: Line) {
    this.node = node;
    this.line = line;
  }

  write(bytes: Uint8Array): boolean {
    const { checker, bounds } = this.node.host;
    if (this.#isClosed) checker.fail("BND", `${this.line}: was written to after it was closed`);
    if (this.#isFull) this.#checkPatience(bytes);
    checkRight(this.node, this.line, this.session, bytes);
    this.line.down.send({ is: "bytes", bytes }, bytes.length);
    const { bytesInFlight } = this.line.down;
    checker.bound(() => `what waits to be sent on ${this.line}`, bytesInFlight, bounds.lineBytesMax);
    if (bytesInFlight >= bounds.sinkBytesMax) this.#isFull = true;
    return !this.#isFull;
  }

  /** Answers and starts are bounded by what the client asked; what a reader could wait for is not. Rule BND-1. */
  #checkPatience(bytes: Uint8Array): void {
    // In MessagePack one byte stands between the two words.
    const said = Buffer.from(bytes).toString("latin1");
    const type = /type(?:":"|.)(events|gap|heartbeat|signal|presence)/.exec(said)?.[1];
    if (type !== undefined)
      this.node.host.checker.fail("BND", `${this.line}: "${type}" was written to a full sink`);
  }

  taken(): void {
    if (!this.#isFull || this.line.down.bytesInFlight > 0) return;
    this.#isFull = false;
    this.onDrained();
  }

  /** What a line holds that is not full is on its way already. */
  retract(): Retracted {
    if (!this.#isFull) return "nothing";
    this.#isClosed = true;
    this.line.cut({ client: true, server: true });
    return "cut";
  }

  over(): void {
    if (this.session !== undefined) this.node.leave(this.session);
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
    const [code, reason] = closeOf(farewell);
    this.line.down.send({ is: "closed", code, reason });
  }

  pauseInput(paused: boolean): void {
    if (paused) this.line.up.hold("pause");
    else this.line.up.release("pause");
  }
}

function closeOf(farewell: Farewell): [code: number, reason: string] {
  if (farewell.kind === "ended") return [1000, "ended"];
  if (farewell.kind === "reconnect") return [1012, farewell.reason];
  return [farewell.error.closeCode, farewell.error.code];
}

/** Serves a WebSocket of the session protocol. */
export function serveWebSocket(node: ServerNode, line: Line, form: MessageForm): ServerEnd {
  const sink = new WebSocketSink(node, line);
  const framing = form === "msgpack" ? framings.msgpackWebSocket : framings.sessionWebSocket;
  const { session, dialogue } = openSession(node, line, {
    sink,
    framing,
    hears: true,
    renews: true,
    moves: true,
    principal: {},
    form,
  });
  sink.session = session;
  sink.onDrained = () => session.drained();
  node.enter(session, dialogue);
  line.down.send({ is: "accepted" });
  return {
    receive: (message) => {
      if (!session.isClosed) dialogue.receive(message);
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
  const sink = new StreamSink(node, line);
  const framing = framings.sessionSse;
  const { session, dialogue } = openSession(node, line, {
    sink,
    framing,
    hears: false,
    moves: true,
    principal,
  });
  sink.session = session;
  sink.onDrained = () => session.drained();
  node.enter(session, session);
  line.down.send({ is: "accepted" });
  void dialogue.begin(hello, principal);
  return { receive: () => {}, taken: () => sink.taken(), gone: () => session.gone() };
}

const comma = encodeUtf8(",");

/** The session protocol as one JSON answer, held while it has nothing to tell. Rule SES-6. */
export class AnswerEnd implements Sink, ServerEnd, Timed {
  readonly #node: ServerNode;
  readonly #line: Line;
  readonly #waitMs: number;
  readonly #endsAt: number;
  readonly #session: Session;
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  #isBegun = false;
  #isDue = false;
  #isClosed = false;

  constructor(node: ServerNode, line: Line, asked: { hello: Hello; principal: Principal; waitMs: number }) {
    const { hello, principal, waitMs } = asked;
    const { timeline, brokerDeadlineMs } = node.host;
    this.#node = node;
    this.#line = line;
    this.#waitMs = waitMs;
    const longest = timeline.now + (waitMs === 0 ? brokerDeadlineMs : waitMs);
    this.#endsAt = Math.min(longest, principal.expiresAt ?? longest);
    const framing = framings.sessionText;
    const { session, dialogue } = openSession(node, line, { sink: this, framing, hears: false, principal });
    this.#session = session;
    node.enter(session, this);
    void dialogue.begin(hello, principal).then(() => {
      this.#isBegun = true;
      this.tick();
    });
  }

  get deadline(): number {
    if (this.#isDue) return Number.POSITIVE_INFINITY;
    // Whether a reader found anything to read is not told: it has to be looked for.
    return this.#waitMs === 0 ? this.#node.host.timeline.now : this.#endsAt;
  }

  tick(): void {
    if (this.#isDue || !this.#isBegun) return;
    const { told, caughtUp } = this.#session;
    const isKnown = told || this.#isClosed || (this.#waitMs === 0 && caughtUp);
    if (!isKnown && this.#node.host.timeline.now < this.#endsAt) return;
    this.#isDue = true;
    this.#node.atTurnEnd(() => this.#answer());
  }

  #answer(): void {
    const more = !this.#session.caughtUp && !this.#isClosed;
    this.#session.gone();
    const separated = this.#parts.flatMap((part, index) => (index === 0 ? [part] : [comma, part]));
    const text = `{"messages":[${Buffer.from(joinBytes(separated)).toString()}],"more":${more}}`;
    this.#line.down.send({ is: "body", status: 200, text }, text.length);
  }

  over(): void {
    this.#node.leave(this.#session);
  }

  write(part: Uint8Array): boolean {
    const { checker, bounds, limits } = this.#node.host;
    checkRight(this.#node, this.#line, this.#session, part);
    this.#parts.push(part);
    this.#bytes += part.length;
    checker.bound(() => `an answer on ${this.#line}`, this.#bytes, bounds.answerBytesMax);
    this.tick();
    return this.#bytes < limits.pageBytesMax;
  }

  /** All but `welcome`: nothing has left. */
  retract(): Retracted {
    return this.#parts.splice(1).length === 0 ? "nothing" : "dropped";
  }

  close(farewell: Farewell): void {
    const last = farewell.kind === "refused" && framings.sessionText.control(errorMessage(farewell.error));
    if (last) this.#parts.push(last);
    this.#isClosed = true;
    this.tick();
  }

  pauseInput(): void {}
  receive(): void {}
  taken(): void {}

  gone(): void {
    this.#session.gone();
  }
}

/** Answers with an outcome, as HTTP does. */
export function refuse(line: Line, thrown: unknown): void {
  const error = toHoldfastError(thrown);
  line.down.send({ is: "body", status: error.status, text: JSON.stringify(toProblem(error)) });
}
