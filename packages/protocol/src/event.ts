import { decodeBase64 } from "./bytes.ts";
import { quoted } from "./channel.ts";
import { type Cursor, parseCursor } from "./cursor.ts";
import { HoldfastError } from "./errors.ts";
import { findMember, isRecord, parseJson, valueStart } from "./json.ts";
import { formatPayload, type Payload, parsePayload } from "./payload.ts";

/** What is said about an event beside its payload. Rule EVT-2. */
export interface Labels {
  readonly type?: string;
  readonly key?: string;
  /** The publisher's idempotency id. */
  readonly id?: string;
  /** The publisher's user id, set by the server and never taken from the publisher's word. */
  readonly from?: string;
}

/** An event as a publisher hands it in. */
export interface Draft extends Labels {
  readonly payload: Payload;
}

/** An event in the log. */
export interface LogEvent extends Draft {
  readonly offset: number;
  /** Milliseconds since 1970, by the log's clock. */
  readonly at: number;
}

/** An event in JSON. */
export interface WireEvent extends Labels {
  readonly cursor: string;
  readonly at: number;
  readonly data: unknown;
  readonly encoding?: "text" | "base64";
}

/** An event as an application receives it. */
export interface ReceivedEvent extends Labels {
  readonly cursor: Cursor;
  readonly at: number;
  /** A JSON value, a string (text) or a Uint8Array (base64). */
  readonly data: unknown;
  /** Absent for JSON. */
  readonly encoding?: "text" | "base64";
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

/** The JSON of an event, with the payload's own text inside. Its labels are taken as checked: EVT-2 leaves no quotes in a `type`. */
export function formatEvent(epoch: string, event: LogEvent): string {
  return `{"cursor":"${epoch}-${event.offset}","at":${event.at},${formatPayload(event.payload)}${formatLabels(event)}}`;
}

function formatLabels(event: Labels): string {
  let text = "";
  if (event.type !== undefined) text += `,"type":"${event.type}"`;
  if (event.key !== undefined) text += `,"key":${JSON.stringify(event.key)}`;
  if (event.id !== undefined) text += `,"id":${JSON.stringify(event.id)}`;
  if (event.from !== undefined) text += `,"from":${JSON.stringify(event.from)}`;
  return text;
}

/** The JSON of an event to publish, without `from`, which is the server's to say; throws `bad_event` for illegal labels. */
export function formatDraft({ payload, from: _, ...labels }: Draft): string {
  checkLabels(labels);
  return `{${formatPayload(payload)}${formatLabels(labels)}}`;
}

/**
 * Reads an event to publish from parsed JSON; throws `bad_event`, `bad_utf8`. Rules EVT-1, EVT-2, EVT-3.
 *
 * With the text of its `data` that is carried as it was written; without, a number such as 1.0 becomes 1.
 */
export function parseDraft(json: unknown, dataText?: string): Draft {
  if (!isRecord(json) || json.data === undefined) {
    throw new HoldfastError("bad_event", `An event to publish looks like {"data":…}, not ${quoted(json)}.`);
  }
  return toDraft(json, parsePayload(json.data, json.encoding, dataText));
}

/** An event to publish of a payload and the labels that are among `fields`; throws `bad_event`. Rule EVT-2. */
export function toDraft(fields: Readonly<Record<string, unknown>>, payload: Payload): Draft {
  const { type, key, id } = fields as Labels;
  checkLabels({ type, key, id });
  return { payload, ...given({ type, key, id }) };
}

/** The labels that are there. */
function given({ type, key, id, from }: { readonly [L in keyof Labels]: Labels[L] | undefined }): Labels {
  return {
    ...(type === undefined ? {} : { type }),
    ...(key === undefined ? {} : { key }),
    ...(id === undefined ? {} : { id }),
    ...(from === undefined ? {} : { from }),
  };
}

/** Reads an event to publish from its JSON, a line of NDJSON for example; throws `bad_json`, `bad_event`, `bad_utf8`. */
export function parseDraftText(text: string): Draft {
  const json = parseJson(text);
  return parseDraft(json, isRecord(json) ? findMember(text, valueStart(text), "data").text : undefined);
}

/** Reads an event from a server's JSON; throws `bad_message`, `bad_cursor`, `bad_event`. */
export function parseEvent(json: unknown): ReceivedEvent {
  if (!isRecord(json) || !Number.isFinite(json.at) || json.data === undefined) {
    throw new HoldfastError("bad_message", `This is not an event: ${quoted(json)}.`);
  }
  const { encoding, type, key, id, from } = json as Partial<WireEvent>;
  for (const label of [type, key, id, from]) {
    if (label !== undefined && typeof label !== "string") {
      throw new HoldfastError("bad_message", `A label of an event is a string, not ${quoted(label)}.`);
    }
  }
  return {
    cursor: parseCursor(json.cursor),
    at: json.at as number,
    data: parseData(json.data, encoding),
    ...(encoding === undefined ? {} : { encoding }),
    ...given({ type, key, id, from }),
  };
}

function parseData(data: unknown, encoding: unknown): unknown {
  if (encoding === undefined) return data;
  if (typeof data === "string") {
    if (encoding === "text") return data;
    if (encoding === "base64") return decodeBase64(data);
  }
  // MessagePack carries bytes as they are; in JSON there are none.
  if (data instanceof Uint8Array && encoding === "base64") return data;
  throw new HoldfastError("bad_message", `This client cannot read events of encoding ${quoted(encoding)}.`);
}
