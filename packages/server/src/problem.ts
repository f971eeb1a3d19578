import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type HoldfastError, toProblem } from "@holdfast/protocol";
import type { Deadlines } from "./deadlines.ts";
import { retryAfterSeconds, withRetryAfter } from "./limits/retry-after.ts";

/** An outcome as an HTTP answer. RFC 9457; rules HTTP-1, LIM-2. */
export function problemAnswer(thrown: HoldfastError): { headers: Record<string, string>; body: string } {
  const error = withRetryAfter(thrown);
  const { retryAfterMs } = error;
  return {
    headers: {
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      ...(retryAfterMs === undefined ? {} : { "Retry-After": retryAfterSeconds(retryAfterMs) }),
      ...(error.status === 401 ? { "WWW-Authenticate": challengeOf(error) } : {}),
    },
    body: JSON.stringify(toProblem(error)),
  };
}

/** RFC 6750 §3.1: a token that was brought and is not taken says so. */
function challengeOf({ code }: HoldfastError): string {
  return code === "unauthenticated" ? "Bearer" : 'Bearer error="invalid_token"';
}

/** How long a peer may take to read its refusal. */
const lingerMs = 1000;

/** Answers on a socket that no response stands for, and lets it go. */
export function refuseOnSocket(
  socket: Duplex,
  error: HoldfastError,
  deadlines: Deadlines,
  more: Readonly<Record<string, string>> = {},
): void {
  const { headers, body } = problemAnswer(error);
  const lines = Object.entries({
    ...headers,
    ...more,
    "Content-Length": String(Buffer.byteLength(body)),
    Connection: "close",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.on("error", () => socket.destroy());
  // Destroyed at once it would reset the connection while the peer still sends, and take the answer with it.
  const cancel = deadlines.after(lingerMs, () => socket.destroy());
  socket.once("close", cancel);
  socket.resume();
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${lines.join("")}\r\n${body}`);
}
