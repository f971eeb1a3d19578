import { formatSse, type HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Exchange } from "../exchange.ts";
import { retryAfterMs } from "../limits/retry-after.ts";
import { negotiate } from "../negotiate.ts";

/** Whether a request wants a plain event stream, of a path that has one. */
function wantsStream(exchange: Exchange): boolean {
  if (exchange.request.method !== "GET") return false;
  try {
    const offered = ["application/json", "text/event-stream"] as const;
    return negotiate(exchange.header("accept"), offered) === "text/event-stream";
  } catch {
    return false;
  }
}

/** Whether it may go in a moment what does not go now. */
function passes({ status, retry }: HoldfastError): boolean {
  return retry === "retry" && (status === 429 || status === 503);
}

/**
 * Refuses a plain event stream for a while, and returns true; false where that is no case for it. An EventSource gives up
 * for good at any status but 200, so it is told in the stream's own words. Rule CALM-6.
 */
export function askBack(exchange: Exchange, thrown: unknown): boolean {
  const error = toHoldfastError(thrown);
  if (exchange.response.headersSent || !passes(error) || !wantsStream(exchange)) return false;
  const delayMs = retryAfterMs(error) ?? 0;
  const reason = error.code === "draining" ? "drain" : error.code;
  const data = JSON.stringify({ delayMs, reason });
  exchange.answer(200, formatSse({ retryMs: delayMs, event: "reconnect", data }), {
    "Content-Type": "text/event-stream",
    "X-Accel-Buffering": "no",
  });
  return true;
}
