import {
  type Cursor,
  HoldfastError,
  isErrorCode,
  isRecord,
  outcomes,
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
}

/** What a client trusts a server's message to be, once it was checked. */
export type Incoming =
  | Exclude<ServerMessage, { type: "events" }>
  | { readonly type: "batch"; readonly batch: Batch };

const welcomeLimits = ["messageBytesMax", "subscriptionsMax", "publishEventsMax"];

/**
 * Checks a server's message, already parsed from JSON; `undefined` for a type this client does not know, which it
 * may ignore. Throws `bad_message`, `bad_cursor` or `bad_event`: whoever sent this does not speak the protocol.
 */
export function decodeIncoming(json: unknown): Incoming | undefined {
  if (!isRecord(json)) throw bad(json);
  switch (json["type"]) {
    case "events":
      return { type: "batch", batch: decodeBatch(json) };
    case "welcome":
      check(json, isPositive(json["heartbeatMs"]) && isRecord(json["limits"]));
      for (const name of welcomeLimits)
        check(json, isPositive((json["limits"] as Record<string, unknown>)[name]));
      break;
    case "subscribed":
      check(json, typeof json["channel"] === "string");
      parseCursor(json["cursor"]);
      break;
    case "end":
    case "unsubscribed":
    case "signal":
      check(json, typeof json["channel"] === "string");
      break;
    case "gap":
      check(json, typeof json["channel"] === "string" && typeof json["reason"] === "string");
      parseCursor(json["from"]);
      parseCursor(json["to"]);
      break;
    case "published":
      check(json, Array.isArray(json["results"]));
      break;
    case "presence":
      check(json, typeof json["channel"] === "string");
      check(json, Array.isArray(json["members"]) && Array.isArray(json["left"]));
      break;
    case "heartbeat":
      check(json, isRecord(json["heads"]));
      break;
    case "expiring":
      check(json, typeof json["inMs"] === "number");
      break;
    case "reconnect":
      check(json, typeof json["delayMs"] === "number" && json["delayMs"] >= 0);
      break;
    case "error":
      check(json, typeof json["code"] === "string");
      break;
    case "pong":
      break;
    default:
      check(json, typeof json["type"] === "string");
      return undefined;
  }
  return json as unknown as Incoming;
}

function decodeBatch(json: Record<string, unknown>): Batch {
  const { channel, events } = json;
  if (typeof channel !== "string" || !Array.isArray(events)) throw bad(json);
  const from = parseCursor(json["from"]);
  const to = parseCursor(json["to"]);
  check(json, from.epoch === to.epoch && from.offset <= to.offset);
  const offsets: number[] = [];
  const received: ChannelEvent[] = [];
  let last = from.offset;
  for (const one of events as unknown[]) {
    const { cursor, ...event } = parseEvent(one);
    check(one, cursor.epoch === to.epoch && cursor.offset > last && cursor.offset <= to.offset);
    last = cursor.offset;
    offsets.push(last);
    received.push({ channel, cursor: (one as { cursor: string }).cursor, ...event });
  }
  return { channel, from, to, events: received, offsets };
}

/** An `error` message, or the body of an error answer, as an error; a code of a later version counts by its `retry`. */
export function toError(json: Record<string, unknown>): HoldfastError {
  const { code, cursor } = json;
  const detail = String(json["message"] ?? json["detail"] ?? code);
  const options = typeof cursor === "string" ? { cursor } : {};
  if (isErrorCode(code)) return new HoldfastError(code, detail, options);
  const retry = json["retry"];
  const nearest =
    retry === "retry" ? "internal" : retry === "reauthenticate" ? "unauthenticated" : "bad_request";
  return new HoldfastError(nearest, `${String(code)}: ${detail}`, options);
}

/** What a WebSocket's close says, or `undefined` when it says nothing of this protocol. Rule ERR-1. */
export function closeError(closeCode: number, reason: string): HoldfastError | undefined {
  if (isErrorCode(reason)) return new HoldfastError(reason);
  for (const [code, outcome] of Object.entries(outcomes)) {
    // Proxies use the codes below 4000 as well, so without a reason these never say more than "try again".
    const meant = outcome.closeCode === closeCode && (closeCode >= 4000 || outcome.retry === "retry");
    if (meant && isErrorCode(code)) return new HoldfastError(code, reason || undefined);
  }
  return undefined;
}

function isPositive(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function check(json: unknown, right: boolean): void {
  if (!right) throw bad(json);
}

function bad(json: unknown): HoldfastError {
  return new HoldfastError(
    "bad_message",
    `The server sent what is no message of this protocol: ${quoted(json)}.`,
  );
}
