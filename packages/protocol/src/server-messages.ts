import { quoted } from "./channel.ts";
import { type ErrorCode, HoldfastError, type Retry } from "./errors.ts";
import type { WireEvent } from "./event.ts";
import { isRecord, parseJson } from "./json.ts";

export type GapReason = "expired" | "epoch" | "slow" | "limit";

/** Why a client should come back later. */
export type ReconnectReason = "drain" | "rotate" | "slow" | "permissions";

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
      /** How long that is from now on, for clients whose clocks say something else. */
      readonly expiresInMs?: number;
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
  | {
      readonly type: "renewed";
      readonly user?: string;
      readonly expiresAt?: number;
      readonly expiresInMs?: number;
    }
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
      readonly retryAfterMs?: number;
      readonly limit?: string;
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
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.limit === undefined ? {} : { limit: error.limit }),
  };
}

/** The outcome that a message tells. */
export function errorOf(message: ControlMessage & { type: "error" }): HoldfastError {
  const { code, message: detail, cursor, retryAfterMs, limit } = message;
  return new HoldfastError(code, detail, {
    ...(cursor === undefined ? {} : { cursor }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(limit === undefined ? {} : { limit }),
  });
}

/** The JSON of an `events` message around events that are JSON already. */
export function formatEvents(channel: string, from: string, to: string, events: readonly string[]): string {
  return `{"type":"events","channel":"${channel}","from":"${from}","to":"${to}","events":[${events.join(",")}]}`;
}

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const number: Check = Number.isFinite;
const duration: Check = (value) => Number.isFinite(value) && (value as number) >= 0;
const retry: Check = (value) => value === "retry" || value === "reauthenticate" || value === "never";
const present: Check = (value) => value !== undefined;
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const mapOf =
  (check: Check): Check =>
  (value) =>
    isRecord(value) && Object.values(value).every(check);
const object =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isRecord(value) && faultyField(value, fields) === undefined;

/** The fields that a client relies on. Reasons and codes stay open: a newer server may know more of them. */
const fieldsByType: {
  readonly [T in ServerMessage["type"]]: Readonly<
    Record<Exclude<keyof Extract<ServerMessage, { type: T }>, "type">, Check>
  >;
} = {
  welcome: {
    protocol: (value) => value === 1,
    session: text,
    heartbeatMs: duration,
    limits: object({ messageBytesMax: number, subscriptionsMax: number, publishEventsMax: number }),
    user: optional(text),
    expiresAt: optional(number),
    expiresInMs: optional(duration),
  },
  subscribed: { channel: text, cursor: text, head: text },
  unsubscribed: { channel: text, code: optional(text), reason: optional(text) },
  events: { channel: text, from: text, to: text, events: listOf(isRecord) },
  gap: { channel: text, from: text, to: text, reason: text },
  end: { channel: text, cursor: text },
  published: { ref: number, results: listOf(object({ cursor: text, at: number, duplicate: flag })) },
  signal: { channel: text, key: text, data: present, from: optional(text), instance: optional(text) },
  presence: {
    channel: text,
    full: flag,
    members: listOf(object({ instance: text, user: optional(text), data: present, since: number })),
    left: listOf(text),
  },
  expiring: { inMs: duration },
  renewed: { user: optional(text), expiresAt: optional(number), expiresInMs: optional(duration) },
  pong: {},
  heartbeat: { heads: mapOf(text) },
  reconnect: { delayMs: duration, reason: text },
  error: {
    code: text,
    message: text,
    retry,
    ref: optional(number),
    channel: optional(text),
    cursor: optional(text),
    retryAfterMs: optional(duration),
    limit: optional(text),
  },
};

function faultyField(
  json: Record<string, unknown>,
  fields: Readonly<Record<string, Check>>,
): string | undefined {
  for (const name in fields) if (!fields[name]?.(json[name])) return name;
  return undefined;
}

/** Decodes a server's message; throws `bad_json`, `bad_message`. A type of a later protocol passes: a client ignores it. */
export function decodeServerMessage(text: string): ServerMessage {
  return checkServerMessage(parseJson(text));
}

/** Checks a message that is parsed already, such as one of a long poll's list; throws `bad_message`. */
export function checkServerMessage(json: unknown): ServerMessage {
  if (!isRecord(json) || typeof json.type !== "string") {
    throw new HoldfastError("bad_message", `A message is an object with a "type", not ${quoted(json)}.`);
  }
  const { type } = json;
  if (isServerMessageType(type)) {
    const faulty = faultyField(json, fieldsByType[type]);
    if (faulty !== undefined) {
      throw new HoldfastError("bad_message", `"${type}" came with ${quoted(json[faulty])} as "${faulty}".`);
    }
  }
  return json as unknown as ServerMessage;
}

function isServerMessageType(type: string): type is ServerMessage["type"] {
  return Object.hasOwn(fieldsByType, type);
}
