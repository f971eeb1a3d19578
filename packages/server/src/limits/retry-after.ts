import { HoldfastError } from "@holdfast/protocol";

/** When somebody is to come back who was told no time: over this span, so that those who were refused together do not. */
const drawnMs = { from: 1000, to: 5000 };

/**
 * When trying again may help, in ms: as it was chosen, or drawn where nobody chose. Undefined where trying again is not
 * the answer, and where the peer was merely slow. Rule LIM-2.
 */
export function retryAfterMs(error: HoldfastError, random: () => number = Math.random): number | undefined {
  if (error.retry !== "retry" || error.code === "timed_out") return error.retryAfterMs;
  return error.retryAfterMs ?? Math.round(drawnMs.from + random() * (drawnMs.to - drawnMs.from));
}

/** The same outcome, with a time to come back. */
export function withRetryAfter(error: HoldfastError, random: () => number = Math.random): HoldfastError {
  const ms = retryAfterMs(error, random);
  if (ms === undefined || ms === error.retryAfterMs) return error;
  const { code, message, cause, cursor, limit } = error;
  return new HoldfastError(code, message, {
    retryAfterMs: ms,
    ...(cause === undefined ? {} : { cause }),
    ...(cursor === undefined ? {} : { cursor }),
    ...(limit === undefined ? {} : { limit }),
  });
}

/** The value of `Retry-After`, which counts in seconds and must not send anybody back too early. RFC 9110 §10.2.3. */
export function retryAfterSeconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}
