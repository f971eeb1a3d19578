import { HoldfastError } from "@holdfast/protocol";
import type { Deadlines } from "./deadlines.ts";
import { ClientGone, checkIntact, type Exchange } from "./exchange.ts";
import type { Node } from "./node.ts";

export interface BodyLimits {
  readonly bytesMax: number;
  readonly timeoutMs: number;
}

/** Requests whose client awaits a word before it sends its body. RFC 9110 §10.1.1. */
const awaitContinue = new WeakSet<Exchange["request"]>();

/** Notes that a client waits to be asked for its body. */
export function noteContinue(request: Exchange["request"]): void {
  awaitContinue.add(request);
}

/**
 * Reads a request's body whole. Rule POST-3.
 *
 * Rejects with `too_large` as soon as that is known, `overloaded` where too much is under way, `timed_out` when it trickles, `unsupported_media_type` when it is
 * compressed, and `ClientGone` when it is cut short.
 */
export async function readBody(
  exchange: Exchange,
  limits: BodyLimits,
  deadlines: Deadlines,
): Promise<Buffer> {
  const { request, response } = exchange;
  checkDeclared(exchange, limits.bytesMax);
  if (awaitContinue.delete(request)) response.writeContinue();
  const body = await collect(exchange, limits, deadlines);
  checkIntact(exchange);
  exchange.traffic.heard(body.length);
  return body;
}

function checkDeclared(exchange: Exchange, bytesMax: number): void {
  const { request } = exchange;
  // A stream of HTTP/2 that was reset looks as if somebody had read it.
  if (exchange.isGone || request.aborted) throw new ClientGone();
  if (Number(exchange.header("content-length") ?? 0) > bytesMax) throw tooLarge(exchange.node, bytesMax);
  const coding = exchange.header("content-encoding");
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    throw new HoldfastError("unsupported_media_type", "Send the body without Content-Encoding.");
  }
  if (request.readableEnded || request.readableDidRead) {
    throw new Error(
      "The body was read before Holdfast saw the request: put its handler before any body parser.",
    );
  }
}

function collect(exchange: Exchange, limits: BodyLimits, deadlines: Deadlines): Promise<Buffer> {
  const { request, node } = exchange;
  const { unfinished } = node;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    let held = 0;
    const settle = (end: () => void) => {
      cancel();
      unfinished.release(held);
      request.off("data", take).off("end", finish).off("close", vanish);
      end();
    };
    const refuse = (error: HoldfastError) => {
      request.pause();
      settle(() => reject(error));
    };
    const take = (chunk: Buffer) => {
      length += chunk.length;
      held += unfinished.hold(chunk);
      chunks.push(chunk);
      if (length > limits.bytesMax) refuse(tooLarge(node, limits.bytesMax));
      else if (unfinished.isExceeded) refuse(tooManyUnfinished(node));
    };
    const finish = () =>
      settle(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const vanish = () => settle(() => reject(new ClientGone()));
    const giveUp = () =>
      settle(() =>
        reject(
          node.refusal(
            "bodyTimeoutMs",
            "timed_out",
            `The body did not arrive within ${limits.timeoutMs} ms (bodyTimeoutMs).`,
          ),
        ),
      );
    // Mostly it came with the head, and is only to be picked up.
    const cancel = request.complete ? () => {} : deadlines.after(limits.timeoutMs, giveUp);
    request.on("data", take).once("end", finish).once("close", vanish);
  });
}

/** What is smaller than the limit on messages has a limit of its own, that on events. */
function tooLarge(node: Node, bytesMax: number): HoldfastError {
  const limit = bytesMax === node.limits.messageBytesMax ? "messageBytesMax" : "eventBytesMax";
  return node.refusal(
    limit,
    "too_large",
    `A body has at most ${bytesMax} bytes here (${limit}). Send several.`,
  );
}

/** So many have begun to send something, and not finished, that this node can keep no more of it. */
export function tooManyUnfinished(node: Node): HoldfastError {
  const { bodiesBytesMax } = node.limits;
  return node.refusal(
    "bodiesBytesMax",
    "overloaded",
    `This node keeps at most ${bodiesBytesMax} bytes of what has not come whole (bodiesBytesMax).`,
  );
}
