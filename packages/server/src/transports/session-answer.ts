import { Dialogue, type Farewell, framings, type Principal, Session, type Sink } from "@holdfast/core/server";
import { errorMessage, type Hello } from "@holdfast/protocol";
import type { Exchange } from "../exchange.ts";
import type { Node } from "../node.ts";

/** Keeps what a session says as the parts of one JSON answer. */
class AnswerSink implements Sink {
  readonly #bytesMax: number;
  readonly #messages: Uint8Array[] = [];
  readonly #changed: () => void;
  #bytes = 0;
  isClosed = false;

  constructor(bytesMax: number, changed: () => void) {
    this.#bytesMax = bytesMax;
    this.#changed = changed;
  }

  /** Nothing drains an answer: what does not fit is for the next one. */
  write(bytes: Uint8Array): boolean {
    this.#messages.push(bytes);
    this.#bytes += bytes.length;
    this.#changed();
    return this.#bytes < this.#bytesMax;
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

const comma = Buffer.from(",");

/**
 * The session protocol as one JSON answer: held for `waitMs` while it has nothing to tell, and with 0 only until it is
 * known whether there is anything. Rules SES-3, SES-6.
 */
export async function answerSession(
  node: Node,
  exchange: Exchange,
  hello: Hello,
  principal: Principal,
  waitMs: number,
): Promise<void> {
  node.admit();
  const { hubs, limits, clock } = node;
  const gate = node.gatekeeper.gateFor(exchange.request);
  const longest = clock.now() + (waitMs === 0 ? node.settings.brokerDeadlineMs : waitMs);
  const endsAt = Math.min(longest, principal.expiresAt ?? longest);
  let isBegun = false;
  let isDue = false;
  const sink = new AnswerSink(limits.pageBytesMax, () => decide());
  const session = new Session({
    id: node.nextSessionId(),
    hubs,
    sink,
    framing: framings.sessionText,
    gate,
    limits,
    clock,
    principal,
    hears: false,
    onClose: () => node.leave(link),
  });
  const answer = () => {
    const more = !session.caughtUp && !sink.isClosed;
    session.gone();
    exchange.answer(200, sink.body(more));
  };
  const decide = () => {
    if (isDue || !isBegun) return;
    const isKnown = session.told || sink.isClosed || (waitMs === 0 && session.caughtUp);
    if (!isKnown && clock.now() < endsAt) return;
    isDue = true;
    // What else comes in this tick is taken along.
    node.tick.enlist({ flush: answer });
  };
  const link = {
    session,
    timed: {
      // A reader that finds nothing to read says nothing, so that has to be looked for.
      get deadline() {
        return waitMs === 0 ? 0 : endsAt;
      },
      tick: decide,
    },
    pauseInput: () => {},
  };
  node.enter(link);
  exchange.onClose(() => session.gone());
  await new Dialogue({ session, gate, limits, clock }).begin(hello, principal);
  isBegun = true;
  decide();
}
