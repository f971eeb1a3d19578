import { parseChannelName, quoted } from "./channel.ts";
import {
  type Cursor,
  formatCursor,
  formatPosition,
  parseCursor,
  parsePosition,
  type Start,
} from "./cursor.ts";
import { HoldfastError, toHoldfastError } from "./errors.ts";
import { type Draft, formatDraft, parseDraft } from "./event.ts";
import {
  findMember,
  isRecord,
  parseJson,
  valueEnd,
  valueStart,
  visitElements,
  visitMembers,
} from "./json.ts";
import { checkValueNesting } from "./nesting.ts";

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

function bad(what: string): HoldfastError {
  return new HoldfastError("bad_message", what);
}

/** A client's message of which no more is known than that it could be read. */
export interface UncheckedClientMessage {
  /** As parsed from JSON. */
  readonly fields: unknown;
  /** Reads the events of a `publish`; throws `bad_event`, `bad_json` or `bad_utf8`. */
  toDrafts(events: readonly unknown[]): readonly Draft[];
}

/** Decodes a client's message; throws `bad_json`, `bad_message`, `unknown_message`, `bad_channel`, `bad_cursor`, `bad_event` or `bad_utf8`. */
export function decodeClientMessage(text: string): ClientMessage {
  return checkClientMessage(readTextMessage(text));
}

/** Reads a client's message in JSON, still to be checked; throws `bad_json`. */
export function readTextMessage(text: string): UncheckedClientMessage {
  return {
    fields: parseJson(text),
    toDrafts: (events) => {
      const dataTexts = eventDataTexts(text);
      return events.map((event, index) => parseDraft(event, dataTexts[index]));
    },
  };
}

/** Checks a client's message, whatever it was written in; throws as `decodeClientMessage` does. */
export function checkClientMessage({ fields: json, toDrafts }: UncheckedClientMessage): ClientMessage {
  if (!isRecord(json) || typeof json.type !== "string") {
    throw bad(`A message is an object with a "type", not ${quoted(json)}.`);
  }
  const { type } = json;
  switch (type) {
    case "hello":
      return decodeHello(json);
    case "subscribe":
      return { type, subscriptions: list(json, "subscriptions") };
    case "unsubscribe":
      return { type, channels: list(json, "channels") };
    case "publish":
      return decodePublish(json, toDrafts);
    case "signal":
      return {
        type,
        channel: parseChannelName(json.channel),
        key: decodeSignalKey(json.key),
        data: givenData(json),
      };
    case "presence":
      return { type, channel: parseChannelName(json.channel), data: givenData(json) };
    case "auth":
      if (typeof json.token !== "string") throw bad('"auth" needs a "token".');
      return { type, token: json.token };
    case "ping":
      return { type };
    default:
      throw new HoldfastError(
        "unknown_message",
        `${quoted(type)} is no message of this protocol; see PROTOCOL.md for those that are.`,
      );
  }
}

function list(json: Record<string, unknown>, name: string): readonly unknown[] {
  const value = json[name];
  if (Array.isArray(value)) return value;
  throw bad(`"${name}" is a list, not ${quoted(value)}.`);
}

/** What is missing is never guessed: a presence without data would read as null, which leaves. */
function givenData({ type, data }: Record<string, unknown>): unknown {
  if (data === undefined) throw bad(`"${String(type)}" needs "data"; it may be null.`);
  checkValueNesting(data);
  return data;
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
    ...(token === undefined ? {} : { token }),
    ...(client === undefined ? {} : { client: decodeClientName(client) }),
    ...(instance === undefined ? {} : { instance }),
    subscriptions: json.subscriptions === undefined ? [] : list(json, "subscriptions"),
  };
}

function decodeClientName(client: unknown): { name: string; version: string } {
  if (isRecord(client) && typeof client.name === "string" && typeof client.version === "string") {
    return { name: client.name, version: client.version };
  }
  throw bad('"client" looks like {"name":"…","version":"…"}.');
}

/** Reads one subscription; throws `bad_message`, `bad_channel`, `bad_cursor`, `bad_parameter` or `bad_event`. */
export function parseSubscription(json: unknown): Subscription {
  if (!isRecord(json)) throw bad(`A subscription looks like {"channel":"orders"}, not ${quoted(json)}.`);
  checkValueNesting(json.join);
  return {
    channel: parseChannelName(json.channel),
    start: parseStart(json.after, json.last),
    signals: wish(json, "signals"),
    presence: wish(json, "presence"),
    ...(json.join === undefined ? {} : { join: json.join }),
  };
}

function wish(json: Record<string, unknown>, name: string): boolean {
  const value = json[name];
  if (value === undefined) return false;
  if (typeof value === "boolean") return value;
  throw bad(`"${name}" is true or false, not ${quoted(value)}.`);
}

/** Reads `after` and `last`; throws `bad_cursor`, or `bad_parameter` when both are given or `last` is no count. Rule READ-2. */
export function parseStart(after: unknown, last: unknown): Start {
  if (last === undefined) return { after: after === undefined ? "latest" : parsePosition(after) };
  if (after !== undefined) {
    throw new HoldfastError("bad_parameter", '"after" and "last" exclude each other; give one.');
  }
  if (typeof last !== "number" || !Number.isSafeInteger(last) || last < 0) {
    throw new HoldfastError("bad_parameter", `"last" is a whole number of events, not ${quoted(last)}.`);
  }
  return { last };
}

function decodePublish(
  json: Record<string, unknown>,
  toDrafts: UncheckedClientMessage["toDrafts"],
): ClientMessage {
  const { ref } = json;
  if (typeof ref !== "number" || !Number.isSafeInteger(ref)) {
    throw bad('"publish" needs a "ref": a whole number that names the answer.');
  }
  try {
    const channel = parseChannelName(json.channel);
    const events = list(json, "events");
    if (events.length === 0) throw bad('"events" holds at least one event.');
    return {
      type: "publish",
      ref,
      channel,
      events: toDrafts(events),
      ...(json.ifMatch === undefined ? {} : { ifMatch: parseCursor(json.ifMatch) }),
    };
  } catch (error) {
    throw new RefusedRequest(toHoldfastError(error), ref);
  }
}

/** The text of each event's `data`, to be carried as it was written. Rule EVT-1. */
function eventDataTexts(text: string): readonly (string | undefined)[] {
  let texts: (string | undefined)[] = [];
  visitMembers(text, valueStart(text), (name, start) => {
    if (name !== "events" || text[start] !== "[") return valueEnd(text, start);
    texts = [];
    return visitElements(text, start, (at) => {
      const event =
        text[at] === "{" ? findMember(text, at, "data") : { text: undefined, end: valueEnd(text, at) };
      texts.push(event.text);
      return event.end;
    });
  });
  return texts;
}

/** A refusal that concerns one request of a session, named by its `ref`. Rule SES-7. */
export class RefusedRequest extends HoldfastError {
  readonly ref: number;

  constructor(error: HoldfastError, ref: number) {
    super(error.code, error.message, { cause: error });
    this.ref = ref;
  }
}

/** The key of a signal, empty by default; throws `bad_message`, or `bad_utf8` for what not every form could carry. */
export function decodeSignalKey(key: unknown): string {
  if (key === undefined) return "";
  if (typeof key === "string" && key.length <= 128) {
    if (key.isWellFormed()) return key;
    throw new HoldfastError("bad_utf8", 'The "key" of a signal holds half a surrogate pair.');
  }
  throw bad('The "key" of a signal is a string of at most 128 characters.');
}

/** The JSON of a client's message, its members in the order of PROTOCOL.md; throws `bad_event` for illegal labels. */
export function formatClientMessage(message: ClientMessage): string {
  switch (message.type) {
    case "hello": {
      const { type, token, client, instance, subscriptions } = message;
      return JSON.stringify({ type, token, client, instance, subscriptions });
    }
    case "publish": {
      const { ref, channel, events, ifMatch } = message;
      return formatPublish(ref, channel, events, ifMatch === undefined ? undefined : formatCursor(ifMatch));
    }
    case "signal": {
      const { type, channel, key, data } = message;
      return JSON.stringify({ type, channel, ...(key === "" ? {} : { key }), data });
    }
    default:
      return JSON.stringify(message);
  }
}

/** A subscription as `hello` and `subscribe` carry it. */
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

/** The JSON of a `publish`, with the payloads' own text inside. */
function formatPublish(ref: number, channel: string, events: readonly Draft[], ifMatch?: string): string {
  const condition = ifMatch === undefined ? "" : `,"ifMatch":${JSON.stringify(ifMatch)}`;
  return `{"type":"publish","ref":${ref},"channel":${JSON.stringify(channel)},"events":[${events.map(formatDraft).join(",")}]${condition}}`;
}
