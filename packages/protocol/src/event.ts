import { decodeBase64, decodeUtf8, encodeBase64 } from "./bytes.ts";
import { quoted } from "./channel.ts";
import { type Cursor, parseCursor } from "./cursor.ts";
import { HoldfastError } from "./errors.ts";

/** What an event carries. JSON stays the text it was published as: it is passed through, not re-serialised. */
export type Payload =
  | { readonly encoding: "json"; readonly text: string }
  | { readonly encoding: "text"; readonly text: string }
  | { readonly encoding: "base64"; readonly bytes: Uint8Array };

/** An event as a publisher hands it in. */
export interface Draft {
  readonly payload: Payload;
  readonly type?: string;
  readonly key?: string;
  /** The publisher's idempotency id. */
  readonly id?: string;
  /** The publisher's user id, set by the server. */
  readonly from?: string;
}

/** An event in the log. */
export interface LogEvent extends Draft {
  readonly offset: number;
  /** Milliseconds since 1970, by the log's clock. */
  readonly at: number;
}

/** An event in JSON. */
export interface WireEvent {
  readonly cursor: string;
  readonly at: number;
  readonly data: unknown;
  readonly encoding?: "text" | "base64";
  readonly type?: string;
  readonly key?: string;
  readonly id?: string;
  readonly from?: string;
}

/** An event as an application receives it. */
export interface ReceivedEvent {
  readonly cursor: Cursor;
  readonly at: number;
  /** A JSON value, a string (text) or a Uint8Array (bytes). */
  readonly data: unknown;
  readonly type?: string;
  readonly key?: string;
  readonly id?: string;
  readonly from?: string;
}

const eventType = /^[A-Za-z0-9_.:-]{1,64}$/;
const visibleAscii = /^[\x21-\x7e]{1,128}$/;
const reservedTypes = new Set(["gap", "end", "reconnect", "error", "open"]);

/** Checks an event's labels; throws `bad_event`. Rule EVT-2. */
export function checkLabels(labels: { type?: unknown; key?: unknown; id?: unknown }): void {
  const { type, key, id } = labels;
  if (type !== undefined && !(typeof type === "string" && eventType.test(type))) {
    throw new HoldfastError(
      "bad_event",
      `An event's type is 1 to 64 of A-Z a-z 0-9 _ . : -, not ${quoted(type)}.`,
    );
  }
  if (typeof type === "string" && reservedTypes.has(type)) {
    throw new HoldfastError("bad_event", `The type ${quoted(type)} is reserved; choose another.`);
  }
  for (const [name, value] of [["key", key] as const, ["id", id] as const]) {
    if (value !== undefined && !(typeof value === "string" && visibleAscii.test(value))) {
      throw new HoldfastError(
        "bad_event",
        `An event's ${name} is 1 to 128 visible ASCII characters, not ${quoted(value)}.`,
      );
    }
  }
}

const lineBreaks = /[\r\n]+/g;

/** Takes JSON text as a payload after checking it; throws `bad_json`. Rule EVT-1. */
export function jsonPayload(text: string): Payload {
  parseJson(text);
  // JSON has line breaks only between tokens; as spaces they cannot end an SSE or NDJSON line.
  return { encoding: "json", text: text.replace(lineBreaks, " ") };
}

/** Takes a value as a payload: bytes as bytes, anything else as JSON; throws `bad_event` for what JSON cannot say. */
export function toPayload(data: unknown): Payload {
  if (data instanceof Uint8Array) return { encoding: "base64", bytes: data };
  const text = JSON.stringify(data) as string | undefined;
  if (text === undefined) throw new HoldfastError("bad_event", "The data is not a JSON value.");
  return { encoding: "json", text };
}

export function payloadBytes(payload: Payload): number {
  // UTF-16 length stands in for text: exact for ASCII, and a bound need not be exact.
  return payload.encoding === "base64" ? payload.bytes.length : payload.text.length;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError("bad_json", `This is not JSON: ${quoted(text)}.`, { cause });
  }
}

/** The JSON of an event, with the payload's own text inside. */
export function formatEvent(epoch: string, event: LogEvent): string {
  return `{"cursor":"${epoch}-${event.offset}","at":${event.at},"data":${formatData(event.payload)}${formatLabels(event)}}`;
}

function formatData(payload: Payload): string {
  if (payload.encoding === "json") return payload.text;
  if (payload.encoding === "text") return `${JSON.stringify(payload.text)},"encoding":"text"`;
  return `"${encodeBase64(payload.bytes)}","encoding":"base64"`;
}

function formatLabels(event: Draft): string {
  let text = "";
  if (event.type !== undefined) text += `,"type":"${event.type}"`;
  if (event.key !== undefined) text += `,"key":${JSON.stringify(event.key)}`;
  if (event.id !== undefined) text += `,"id":${JSON.stringify(event.id)}`;
  if (event.from !== undefined) text += `,"from":${JSON.stringify(event.from)}`;
  return text;
}

/** The JSON of an event to publish. */
export function formatDraft(draft: Draft): string {
  return `{"data":${formatData(draft.payload)}${formatLabels(draft)}}`;
}

/** Reads an event to publish from parsed JSON; throws `bad_event`. */
export function parseDraft(json: unknown): Draft {
  if (!isRecord(json) || json["data"] === undefined) {
    throw new HoldfastError("bad_event", `An event to publish looks like {"data":…}, not ${quoted(json)}.`);
  }
  const { type, key, id } = json as { type?: string; key?: string; id?: string };
  checkLabels({ type, key, id });
  return {
    payload: parsePayload(json["data"], json["encoding"]),
    ...(type === undefined ? {} : { type }),
    ...(key === undefined ? {} : { key }),
    ...(id === undefined ? {} : { id }),
  };
}

function parsePayload(data: unknown, encoding: unknown): Payload {
  if (encoding === undefined) return toPayload(data);
  if (typeof data === "string") {
    if (encoding === "text") return { encoding, text: data };
    if (encoding === "base64") return { encoding, bytes: decodeBase64(data) };
  }
  throw new HoldfastError(
    "bad_event",
    'An event\'s encoding is absent for JSON, or "text" or "base64" with a string as data.',
  );
}

/** Reads an event from a server's JSON; throws `bad_message`. */
export function parseEvent(json: unknown): ReceivedEvent {
  if (!isRecord(json) || typeof json["at"] !== "number") {
    throw new HoldfastError("bad_message", `This is not an event: ${quoted(json)}.`);
  }
  const { type, key, id, from } = json as { type?: string; key?: string; id?: string; from?: string };
  const encoded = json["encoding"] === "base64" && typeof json["data"] === "string";
  return {
    cursor: parseCursor(json["cursor"]),
    at: json["at"],
    data: encoded ? decodeBase64(json["data"] as string) : json["data"],
    ...(type === undefined ? {} : { type }),
    ...(key === undefined ? {} : { key }),
    ...(id === undefined ? {} : { id }),
    ...(from === undefined ? {} : { from }),
  };
}

/** The value that a payload stands for, as an application sees it. */
export function payloadValue(payload: Payload): unknown {
  if (payload.encoding === "json") return parseJson(payload.text);
  return payload.encoding === "text" ? payload.text : payload.bytes;
}

/** Bytes of a request or message as a payload of the kind that its media type names; throws `bad_utf8`, `bad_json`. */
export function decodePayload(encoding: Payload["encoding"], bytes: Uint8Array): Payload {
  if (encoding === "base64") return { encoding, bytes };
  const text = decodeUtf8(bytes);
  return encoding === "text" ? { encoding, text } : jsonPayload(text);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
