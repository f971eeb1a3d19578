import {
  type Cursor,
  checkServerMessage,
  type EventsMessage,
  HoldfastError,
  isErrorCode,
  outcomes,
  parseCloseReason,
  parseCursor,
  parseEvent,
  quoted,
  type ServerMessage,
} from "@holdfast/protocol";

/** An event as an application receives it. */
export interface ChannelEvent<Data = unknown> {
  readonly channel: string;
  /** The position just after this event; resumes after it on any transport. Opaque. */
  readonly cursor: string;
  /** When the log took it, in ms since 1970, by the log's clock. */
  readonly at: number;
  /** A JSON value, a string (published as text) or a Uint8Array (published as bytes). */
  readonly data: Data;
  /** Absent where it was published as JSON. */
  readonly encoding?: "text" | "base64";
  readonly type?: string;
  readonly key?: string;
  /** The publisher's idempotency id. */
  readonly id?: string;
  /** The publisher's user id. */
  readonly from?: string;
}

/** Events that take a reader from one cursor to another. Rule DUP-1. */
export interface Batch {
  readonly channel: string;
  readonly from: Cursor;
  readonly to: Cursor;
  readonly events: readonly ChannelEvent[];
  /** The offset of each event. */
  readonly offsets: readonly number[];
  /** The length of its message, in bytes or characters as its transport counts; 0 where it does not. */
  readonly size: number;
}

/** What a client trusts a server's message to be, once it was checked. */
export type Incoming =
  | Exclude<ServerMessage, { type: "events" }>
  | { readonly type: "batch"; readonly batch: Batch };

/**
 * Checks a server's message, already parsed from JSON; `undefined` for a type this client does not know, which it
 * ignores. Throws `bad_message`, `bad_cursor` or `bad_event`: whoever sent this does not speak the protocol.
 */
export function decodeIncoming(json: unknown, size = 0): Incoming | undefined {
  const message = checkServerMessage(json);
  switch (message.type) {
    case "events":
      return { type: "batch", batch: decodeBatch(message, size) };
    case "welcome":
      check(message, message.heartbeatMs > 0);
      return message;
    case "subscribed":
      parseCursor(message.cursor);
      parseCursor(message.head);
      return message;
    case "end":
      parseCursor(message.cursor);
      return message;
    case "gap":
      parseCursor(message.from);
      parseCursor(message.to);
      return message;
    case "unsubscribed":
    case "published":
    case "signal":
    case "presence":
    case "expiring":
    case "renewed":
    case "pong":
    case "heartbeat":
    case "reconnect":
    case "error":
      return message;
    default:
      return undefined;
  }
}

function decodeBatch({ channel, events, ...span }: EventsMessage, size: number): Batch {
  const from = parseCursor(span.from);
  const to = parseCursor(span.to);
  check(span, from.epoch === to.epoch && from.offset <= to.offset);
  const offsets: number[] = [];
  const received: ChannelEvent[] = [];
  let last = from.offset;
  for (const one of events) {
    const { cursor, ...event } = parseEvent(one);
    check(one, cursor.epoch === to.epoch && cursor.offset > last && cursor.offset <= to.offset);
    last = cursor.offset;
    offsets.push(last);
    received.push({ channel, ...event, cursor: one.cursor });
  }
  return { channel, from, to, events: received, offsets, size };
}

/** An `error` message, or the body of an error answer, as an error; a code of a later version counts by its `retry`. */
export function toError(json: Record<string, unknown>): HoldfastError {
  const { code, cursor, retryAfterMs, limit } = json;
  const detail = String(json["message"] ?? json["detail"] ?? code);
  const options = {
    ...(typeof cursor === "string" ? { cursor } : {}),
    ...(isDelay(retryAfterMs) ? { retryAfterMs } : {}),
    ...(typeof limit === "string" ? { limit } : {}),
  };
  if (isErrorCode(code)) return new HoldfastError(code, detail, options);
  const retry = json["retry"];
  const nearest =
    retry === "retry" ? "internal" : retry === "reauthenticate" ? "unauthenticated" : "bad_request";
  return new HoldfastError(nearest, `${String(code)}: ${detail}`, options);
}

function isDelay(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}

/** What a WebSocket's close says, or `undefined` when it says nothing of this protocol. Rules ERR-1, LIM-4. */
export function closeError(closeCode: number, text: string): HoldfastError | undefined {
  const { code: reason, retryAfterMs } = parseCloseReason(text);
  const options = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (isErrorCode(reason)) return new HoldfastError(reason, undefined, options);
  for (const [code, outcome] of Object.entries(outcomes)) {
    // Proxies use the codes below 4000 as well, so without a reason these never say more than "try again".
    const meant = outcome.closeCode === closeCode && (closeCode >= 4000 || outcome.retry === "retry");
    if (meant && isErrorCode(code)) return new HoldfastError(code, reason || undefined, options);
  }
  return undefined;
}

function check(json: unknown, isRight: boolean): void {
  if (isRight) return;
  throw new HoldfastError("bad_message", `The server sent what contradicts itself: ${quoted(json)}.`);
}
