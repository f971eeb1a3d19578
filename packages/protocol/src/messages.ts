import { parseChannelName, quoted } from "./channel.ts";
import { type Cursor, formatPosition, parseCursor, parsePosition, type Start } from "./cursor.ts";
import { type ErrorCode, HoldfastError, type Retry } from "./errors.ts";
import { type Draft, formatDraft, isRecord, parseDraft, parseJson, type WireEvent } from "./event.ts";

export const subprotocols = { json: "holdfast.v1.json" } as const;

export type GapReason = "expired" | "epoch" | "slow" | "limit";

/** Why a client should come back later. */
export type ReconnectReason = "drain" | "rotate" | "slow";

// --- what a client says -------------------------------------------------------------------------

export interface Subscription {
  readonly channel: string;
  readonly start: Start;
  /** Wants signals. */
  readonly signals: boolean;
  /** Wants to be told who comes and goes. */
  readonly presence: boolean;
  /** Joins as a member with this data; `undefined` does not join. */
  readonly join?: unknown;
}

export interface Hello {
  readonly type: "hello";
  readonly token?: string;
  readonly client?: { readonly name: string; readonly version: string };
  readonly instance?: string;
  /** Not parsed yet: one bad subscription must not spoil the others. Rule SUB-4. */
  readonly subscriptions: readonly unknown[];
}

export type ClientMessage =
  | Hello
  | { readonly type: "subscribe"; readonly subscriptions: readonly unknown[] }
  | { readonly type: "unsubscribe"; readonly channels: readonly unknown[] }
  | {
      readonly type: "publish";
      readonly ref: number;
      readonly channel: string;
      readonly events: readonly Draft[];
      readonly ifMatch?: Cursor;
    }
  | { readonly type: "signal"; readonly channel: string; readonly key: string; readonly data: unknown }
  | { readonly type: "presence"; readonly channel: string; readonly data: unknown }
  | { readonly type: "auth"; readonly token: string }
  | { readonly type: "ping" };

// --- what a server says -------------------------------------------------------------------------

export interface PublishResult {
  readonly cursor: string;
  readonly at: number;
  readonly duplicate: boolean;
}

export interface Member {
  readonly instance: string;
  readonly user?: string;
  readonly data: unknown;
  /** When it joined, in ms since 1970. */
  readonly since: number;
}

/** Every message of a server but `events`, which is encoded once and shared. */
export type ControlMessage =
  | {
      readonly type: "welcome";
      readonly protocol: 1;
      readonly session: string;
      readonly heartbeatMs: number;
      readonly limits: {
        readonly messageBytesMax: number;
        readonly subscriptionsMax: number;
        readonly publishEventsMax: number;
      };
      readonly user?: string;
      readonly expiresAt?: number;
    }
  | {
      readonly type: "subscribed";
      readonly channel: string;
      readonly cursor: string;
      readonly head: string;
    }
  | {
      readonly type: "unsubscribed";
      readonly channel: string;
      readonly code?: ErrorCode;
      readonly reason?: string;
    }
  | {
      readonly type: "gap";
      readonly channel: string;
      readonly from: string;
      readonly to: string;
      readonly reason: GapReason;
    }
  | { readonly type: "end"; readonly channel: string; readonly cursor: string }
  | { readonly type: "published"; readonly ref: number; readonly results: readonly PublishResult[] }
  | {
      readonly type: "signal";
      readonly channel: string;
      readonly key: string;
      readonly data: unknown;
      readonly from?: string;
      readonly instance?: string;
    }
  | {
      readonly type: "presence";
      readonly channel: string;
      readonly full: boolean;
      readonly members: readonly Member[];
      readonly left: readonly string[];
    }
  | { readonly type: "expiring"; readonly inMs: number }
  | { readonly type: "pong" }
  | { readonly type: "heartbeat"; readonly heads: Readonly<Record<string, string>> }
  | { readonly type: "reconnect"; readonly delayMs: number; readonly reason: ReconnectReason }
  | {
      readonly type: "error";
      readonly code: ErrorCode;
      readonly message: string;
      readonly retry: Retry;
      readonly ref?: number;
      readonly channel?: string;
      readonly cursor?: string;
    };

export interface EventsMessage {
  readonly type: "events";
  readonly channel: string;
  readonly from: string;
  readonly to: string;
  readonly events: readonly WireEvent[];
}

export type ServerMessage = ControlMessage | EventsMessage;

/** The message that tells an outcome in band. */
export function errorMessage(
  error: HoldfastError,
  about: { ref?: number; channel?: string } = {},
): ControlMessage & { type: "error" } {
  return {
    type: "error",
    code: error.code,
    message: error.message,
    retry: error.retry,
    ...about,
    ...(error.cursor === undefined ? {} : { cursor: error.cursor }),
  };
}

// --- a client's messages, decoded by the server -------------------------------------------------

function bad(what: string): HoldfastError {
  return new HoldfastError("bad_message", what);
}

/** Decodes a client's message; throws `bad_json`, `bad_message`, `unknown_message`, `bad_channel`, `bad_cursor` or `bad_event`. */
export function decodeClientMessage(text: string): ClientMessage {
  const json = parseJson(text);
  if (!isRecord(json) || typeof json["type"] !== "string") {
    throw bad(`A message is an object with a "type", not ${quoted(json)}.`);
  }
  switch (json["type"]) {
    case "hello":
      return decodeHello(json);
    case "subscribe":
      return { type: "subscribe", subscriptions: list(json, "subscriptions") };
    case "unsubscribe":
      return { type: "unsubscribe", channels: list(json, "channels") };
    case "publish":
      return decodePublish(json);
    case "signal":
      return {
        type: "signal",
        channel: parseChannelName(json["channel"]),
        key: decodeSignalKey(json["key"]),
        data: json["data"] ?? null,
      };
    case "presence":
      return { type: "presence", channel: parseChannelName(json["channel"]), data: json["data"] ?? null };
    case "auth":
      if (typeof json["token"] !== "string") throw bad('"auth" needs a "token".');
      return { type: "auth", token: json["token"] };
    case "ping":
      return { type: "ping" };
    default:
      throw new HoldfastError(
        "unknown_message",
        `${quoted(json["type"])} is no message of this protocol; see PROTOCOL.md for those that are.`,
      );
  }
}

const instanceText = /^[A-Za-z0-9_-]{8,64}$/;

export function isInstance(value: unknown): value is string {
  return typeof value === "string" && instanceText.test(value);
}

function decodeHello(json: Record<string, unknown>): Hello {
  const { token, client, instance } = json;
  if (token !== undefined && typeof token !== "string") throw bad('"token" is a string.');
  if (instance !== undefined && !isInstance(instance)) {
    throw bad('"instance" is 8 to 64 of A-Z a-z 0-9 _ -.');
  }
  return {
    type: "hello",
    subscriptions: json["subscriptions"] === undefined ? [] : list(json, "subscriptions"),
    ...(token === undefined ? {} : { token }),
    ...(instance === undefined ? {} : { instance }),
    ...(isRecord(client)
      ? { client: { name: String(client["name"]), version: String(client["version"]) } }
      : {}),
  };
}

/** Reads one subscription; throws `bad_message`, `bad_channel`, `bad_cursor` or `bad_parameter`. */
export function parseSubscription(json: unknown): Subscription {
  if (!isRecord(json)) throw bad(`A subscription looks like {"channel":"orders"}, not ${quoted(json)}.`);
  return {
    channel: parseChannelName(json["channel"]),
    start: parseStart(json["after"], json["last"]),
    signals: json["signals"] === true,
    presence: json["presence"] === true,
    ...(json["join"] === undefined ? {} : { join: json["join"] }),
  };
}

/** Reads `after` and `last`; throws `bad_cursor`, or `bad_parameter` when both are given or `last` is no count. Rule READ-2. */
export function parseStart(after: unknown, last: unknown): Start {
  if (last === undefined) return { after: after === undefined ? "latest" : parsePosition(after) };
  if (after !== undefined) {
    throw new HoldfastError("bad_parameter", '"after" and "last" exclude each other; give one.');
  }
  if (!Number.isSafeInteger(last) || (last as number) < 0) {
    throw new HoldfastError("bad_parameter", `"last" is a whole number of events, not ${quoted(last)}.`);
  }
  return { last: last as number };
}

function decodePublish(json: Record<string, unknown>): ClientMessage {
  const ref = json["ref"];
  if (!Number.isSafeInteger(ref)) throw bad('"publish" needs a "ref": a whole number that names the answer.');
  try {
    const events = list(json, "events").map(parseDraft);
    if (events.length === 0) throw bad('"events" holds at least one event.');
    return {
      type: "publish",
      ref: ref as number,
      channel: parseChannelName(json["channel"]),
      events,
      ...(json["ifMatch"] === undefined ? {} : { ifMatch: parseCursor(json["ifMatch"]) }),
    };
  } catch (error) {
    throw new RefusedRequest(error as HoldfastError, ref as number);
  }
}

/** A refusal that concerns one request of a session, named by its `ref`. Rule SES-7. */
export class RefusedRequest extends HoldfastError {
  readonly ref: number;

  constructor(error: HoldfastError, ref: number) {
    super(error.code, error.message, { cause: error });
    this.ref = ref;
  }
}

/** The key of a signal, empty by default; throws `bad_message`. */
export function decodeSignalKey(key: unknown): string {
  if (key === undefined) return "";
  if (typeof key === "string" && key.length <= 128) return key;
  throw bad('The "key" of a signal is a string of at most 128 characters.');
}

function list(json: Record<string, unknown>, name: string): readonly unknown[] {
  const value = json[name];
  if (Array.isArray(value)) return value;
  throw bad(`"${name}" is a list.`);
}

// --- a client's messages, encoded by the client -------------------------------------------------

export function formatSubscription(subscription: Subscription): Record<string, unknown> {
  const { channel, start, signals, presence, join } = subscription;
  return {
    channel,
    ...("last" in start ? { last: start.last } : { after: formatPosition(start.after) }),
    ...(signals ? { signals } : {}),
    ...(presence ? { presence } : {}),
    ...(join === undefined ? {} : { join }),
  };
}

export function formatPublish(
  ref: number,
  channel: string,
  events: readonly Draft[],
  ifMatch?: string,
): string {
  const condition = ifMatch === undefined ? "" : `,"ifMatch":${JSON.stringify(ifMatch)}`;
  return `{"type":"publish","ref":${ref},"channel":${JSON.stringify(channel)},"events":[${events.map(formatDraft).join(",")}]${condition}}`;
}

// --- a server's messages ------------------------------------------------------------------------

/** The JSON of an `events` message around events that are JSON already. */
export function formatEvents(channel: string, from: string, to: string, events: readonly string[]): string {
  return `{"type":"events","channel":"${channel}","from":"${from}","to":"${to}","events":[${events.join(",")}]}`;
}

/** Decodes a server's message, leniently: unknown fields and types are left to the caller. Throws `bad_json`, `bad_message`. */
export function decodeServerMessage(text: string): ServerMessage {
  return checkServerMessage(parseJson(text));
}

export function checkServerMessage(json: unknown): ServerMessage {
  if (!isRecord(json) || typeof json["type"] !== "string") {
    throw bad(`A message is an object with a "type", not ${quoted(json)}.`);
  }
  return json as unknown as ServerMessage;
}
