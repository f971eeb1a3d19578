import {
  Dialogue,
  type Farewell,
  framings,
  type Principal,
  type Retracted,
  Session,
  type Sink,
} from "@holdfast/core/server";
import { errorMessage, type Hello } from "@holdfast/protocol";
import { Content } from "../compression/content.ts";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";

/** Keeps what a session says as the parts of one JSON answer. */
class AnswerSink implements Sink {
  readonly #bytesMax: number;
  readonly #messages: Uint8Array[] = [];
  readonly #changed: () => void;
  readonly #over: Sink["over"];
  #bytes = 0;
  isClosed = false;

  constructor(bytesMax: number, changed: () => void, over: Sink["over"]) {
    this.#bytesMax = bytesMax;
    this.#changed = changed;
    this.#over = over;
  }

  /** Nothing drains an answer: what does not fit is for the next one. */
  write(bytes: Uint8Array): boolean {
    this.#messages.push(bytes);
    this.#bytes += bytes.length;
    this.#changed();
    return this.#bytes < this.#bytesMax;
  }

  /** All but `welcome`, which an answer begins with: nothing has left. */
  retract(): Retracted {
    return this.#messages.splice(1).length === 0 ? "nothing" : "dropped";
  }

  over(farewell?: Farewell): void {
    this.#over(farewell);
  }

  close(farewell: Farewell): void {
    if (farewell.kind === "refused") {
      const last = framings.sessionText.control(errorMessage(farewell.error));
      if (last !== undefined) this.#messages.push(last);
    }
    this.isClosed = true;
    this.#changed();
  }

  pauseInput(): void {}

  body(more: boolean): Buffer<ArrayBuffer> {
    const parts: Uint8Array[] = [Buffer.from('{"messages":[')];
    for (const [index, message] of this.#messages.entries()) {
      if (index > 0) parts.push(comma);
      parts.push(message);
    }
    parts.push(Buffer.from(`],"more":${more}}`));
    return Buffer.concat(parts);
  }
}

/** Room for `welcome`, and for the answer to one subscription: they must not crowd out the events. */
const controlBytes = 512;

const comma = Buffer.from(",");

/** How long an answer that has something to tell waits for the channels that are still being read. */
const graceMs = 100;

/**
 * The session protocol as one JSON answer: held for `waitMs` while it has nothing to tell, and then sent with as much as
 * it may hold. Rules SES-3, SES-6.
 */
export async function answerSession(
  node: Node,
  exchange: Exchange,
  hello: Hello,
  principal: Principal,
  waitMs: number,
): Promise<void> {
  const client = node.clientOf(exchange.request, principal);
  node.checkRoom(client);
  exchange.traffic = waitMs === 0 ? node.traffic.request : node.traffic.longPoll;
  const { hubs, limits, clock, tick, deadlines } = node;
  const gate = node.gatekeeper.gateFor(exchange.request);
  // Without `wait` it is still to be found out whether there is anything.
  const longest = clock.now() + (waitMs === 0 ? node.settings.brokerDeadlineMs : waitMs);
  const endsAt = Math.min(longest, principal.expiresAt ?? longest);
  let toldAt: number | undefined;
  let isBegun = false;
  let isAnswered = false;

  const answersBytes = controlBytes * (1 + hello.subscriptions.length);
  // Looked at when the tick is over: what else comes in it is taken along.
  const sink = new AnswerSink(
    limits.pageBytesMax + answersBytes,
    () => tick.enlist(check),
    (farewell) => node.attendance.leave(link, farewell ?? (isAnswered ? { kind: "ended" } : undefined)),
  );
  const session = new Session({
    id: node.nextSessionId(),
    hubs,
    sink,
    framing: framings.sessionText,
    gate,
    limits,
    clock,
    principal,
    address: client.address,
    hears: false,
    counts: exchange.traffic,
  });

  const isDue = (): boolean => {
    const now = clock.now();
    if (sink.isClosed || now >= endsAt) return true;
    if (session.told) toldAt ??= now;
    else if (waitMs > 0) return false;
    return session.caughtUp || session.full || (toldAt !== undefined && now >= toldAt + graceMs);
  };
  const check = {
    flush: () => {
      if (isAnswered || !isBegun) return;
      if (!isDue()) {
        deadlines.hasten(link.timed);
        return;
      }
      isAnswered = true;
      const more = !sink.isClosed && !session.caughtUp;
      session.gone();
      exchange.answerContent(new Content(sink.body(more)));
    },
  };
  const link = {
    session,
    client,
    timed: {
      // A reader that turns out to have nothing to read says nothing, so that has to be looked for.
      get deadline() {
        return waitMs === 0 || toldAt !== undefined ? 0 : endsAt;
      },
      tick: check.flush,
    },
    unsent: 0,
    traffic: exchange.traffic,
    openedAt: performance.now(),
    socket: exchange.request.socket,
  };
  node.attendance.enter(link);
  exchange.onClose(() => session.gone());
  await new Dialogue({ session, gate, limits, clock }).begin(hello, principal);
  isBegun = true;
  tick.enlist(check);
}
