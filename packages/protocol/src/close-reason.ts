/** The longest delay that a close reason may carry: what is longer is no delay. In ms. */
const delayMsMax = 24 * 60 * 60 * 1000;

/** What a WebSocket's close says beside its number: the code of an outcome, and when to come back. Rule LIM-4. */
export interface CloseReason {
  /** The code of an outcome, the reason of a `reconnect`, or whatever else was said. */
  readonly code: string;
  /** In ms from now; absent where the server chose none. */
  readonly retryAfterMs?: number;
}

/** The text of a close reason, within the 123 bytes of RFC 6455 §5.5. */
export function formatCloseReason(code: string, retryAfterMs?: number): string {
  if (retryAfterMs === undefined) return code;
  return `${code}; retry-after-ms=${Math.min(delayMsMax, Math.max(0, Math.round(retryAfterMs)))}`;
}

/** Reads a close reason. What has another form is a code as a whole: proxies close as well, and in their own words. */
export function parseCloseReason(text: string): CloseReason {
  const match = /^(\w+); retry-after-ms=(\d{1,8})$/.exec(text);
  const [, code, delay] = match ?? [];
  if (code === undefined || Number(delay) > delayMsMax) return { code: text };
  return { code, retryAfterMs: Number(delay) };
}
