import { decodeBase64, decodeUtf8, encodeBase64, utf8Length } from "./bytes.ts";
import { HoldfastError } from "./errors.ts";
import { parseJson } from "./json.ts";
import { checkTextNesting } from "./nesting.ts";

/** What an event carries. JSON stays the text it was published as: it is passed through, not re-serialised. Rule EVT-1. */
export type Payload =
  | { readonly encoding: "json"; readonly text: string }
  | { readonly encoding: "text"; readonly text: string }
  | { readonly encoding: "base64"; readonly bytes: Uint8Array };

const lineBreaks = /[\r\n]+/g;

/**
 * Takes JSON text as a payload after checking it; throws `bad_json`, `bad_utf8` for half a surrogate pair, or `bad_event`
 * for depth. Rules EVT-1, EVT-3, EVT-4.
 */
export function jsonPayload(text: string): Payload {
  parseJson(text);
  return checkedJsonPayload(text);
}

function checkedJsonPayload(text: string): Payload {
  checkTextNesting(text);
  // JSON has line breaks only between tokens; as spaces they cannot end an SSE or NDJSON line.
  return { encoding: "json", text: checkWellFormed(text).replace(lineBreaks, " ") };
}

/** Takes text as a payload; throws `bad_utf8` for half a surrogate pair, which UTF-8 cannot say. Rule EVT-3. */
export function textPayload(text: string): Payload {
  return { encoding: "text", text: checkWellFormed(text) };
}

function checkWellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  throw new HoldfastError("bad_utf8", "The text holds half a surrogate pair, which UTF-8 cannot carry.");
}

/** Takes a value as a payload: buffers and views as bytes, anything else as JSON; throws `bad_event` for what JSON cannot say, and for depth. */
export function toPayload(data: unknown): Payload {
  if (data instanceof Uint8Array) return { encoding: "base64", bytes: data };
  if (ArrayBuffer.isView(data)) {
    return { encoding: "base64", bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
  }
  if (data instanceof ArrayBuffer) return { encoding: "base64", bytes: new Uint8Array(data) };
  return checkedJsonPayload(stringify(data));
}

/** Throws `bad_event` for a value that JSON cannot say, or that nests too deep to be passed on. Rule EVT-4. */
export function checkJsonValue(data: unknown): void {
  checkTextNesting(stringify(data));
}

function stringify(data: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  throw new HoldfastError("bad_event", "The data is not a JSON value.", { cause });
}

/** Bytes of a request or message as a payload of the kind that its media type names; throws `bad_utf8`, `bad_json`, `bad_event`. */
export function decodePayload(encoding: Payload["encoding"], bytes: Uint8Array): Payload {
  if (encoding === "base64") return { encoding, bytes };
  const text = decodeUtf8(bytes);
  return encoding === "text" ? { encoding, text } : jsonPayload(text);
}

/** Reads `data` and `encoding` of an event, with the text of `data` where it is at hand; throws `bad_event`, `bad_utf8`. */
export function parsePayload(data: unknown, encoding: unknown, dataText?: string): Payload {
  if (encoding === undefined) {
    return dataText === undefined ? toPayload(data) : checkedJsonPayload(detached(dataText));
  }
  if (typeof data === "string") {
    if (encoding === "text") return textPayload(data);
    if (encoding === "base64") return { encoding, bytes: decodeBase64(data) };
  }
  throw new HoldfastError(
    "bad_event",
    'An event\'s encoding is absent for JSON, or "text" or "base64" with a string as data.',
  );
}

/** A copy. An engine's slice keeps its whole source alive, and an event in the log would hold the request it came in. */
function detached(slice: string): string {
  return ` ${slice}`.slice(1);
}

/** The members `data` and `encoding` of an event in JSON. */
export function formatPayload(payload: Payload): string {
  if (payload.encoding === "json") return `"data":${payload.text}`;
  if (payload.encoding === "text") return `"data":${JSON.stringify(payload.text)},"encoding":"text"`;
  return `"data":"${encodeBase64(payload.bytes)}","encoding":"base64"`;
}

/** What a payload counts against limits in bytes: that of its text or bytes, whatever the framing makes of it. */
export function payloadBytes(payload: Payload): number {
  return payload.encoding === "base64" ? payload.bytes.length : utf8Length(payload.text);
}

/** The value that a payload stands for, as an application sees it. */
export function payloadValue(payload: Payload): unknown {
  if (payload.encoding === "json") return parseJson(payload.text);
  return payload.encoding === "text" ? payload.text : payload.bytes;
}
