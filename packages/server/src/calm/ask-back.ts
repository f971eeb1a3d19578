import { formatSse, type HoldfastError } from "@holdfast/protocol";
import type { Exchange } from "../exchange.ts";
import { retryAfterMs } from "../limits/retry-after.ts";
import { negotiate } from "../negotiate.ts";

/** Whether a request to a path that has a plain event stream wants that. */
export function wantsStream(exchange: Exchange): boolean {
  if (exchange.request.method !== "GET") return false;
  try {
    const offered = ["application/json", "text/event-stream"] as const;
    return negotiate(exchange.header("accept"), offered) === "text/event-stream";
  } catch {
    return false;
  }
}

/** What a plain event stream is answered with instead of an outcome. */
export interface Asking {
  readonly status: 200;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * How a plain event stream is refused that may come back in a moment; undefined for other outcomes. An EventSource gives up
 * for good at any status but 200, so it is told in the stream's own words. Rule CALM-6.
 */
export function askBack(error: HoldfastError): Asking | undefined {
  const { code, status, retry } = error;
  if (retry !== "retry" || (status !== 429 && status !== 503)) return undefined;
  const delayMs = retryAfterMs(error) ?? 0;
  const reason = code === "draining" ? "drain" : code;
  const body = formatSse({ retryMs: delayMs, event: "reconnect", data: JSON.stringify({ delayMs, reason }) });
  return { status: 200, headers: { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" }, body };
}
