import { type Bytes, joinBytes } from "../bytes.ts";
import { quoted } from "../channel.ts";
import type { ClientMessage, UncheckedClientMessage } from "../client-messages.ts";
import type { Codec } from "../codec.ts";
import { formatCursor } from "../cursor.ts";
import { HoldfastError } from "../errors.ts";
import { checkLabels, type Draft, type Labels, type LogEvent, toDraft } from "../event.ts";
import { isRecord, parseJson } from "../json.ts";
import { jsonPayload, type Payload } from "../payload.ts";
import type { ControlMessage } from "../server-messages.ts";
import { subprotocols } from "../websocket.ts";
import { readMessage } from "./reader.ts";
import { Writer } from "./writer.ts";

// What applications say in JSON goes as its text, never as MessagePack of its own: numbers, repeated names, depth and
// half surrogate pairs survive, and nothing is parsed and written again on the way. Rule PACK-2.

/** One for all: nothing is called while it is written to that could write as well. */
const writer = new Writer();

function pack(write: () => void): Bytes {
  writer.clear();
  write();
  return writer.copy();
}

// --- events -------------------------------------------------------------------------------------

const labelNames = ["type", "key", "id", "from"] as const satisfies readonly (keyof Labels)[];

function countLabels(labels: Labels): number {
  let count = 0;
  for (const name of labelNames) if (labels[name] !== undefined) count++;
  return count;
}

function writeLabels(labels: Labels): void {
  for (const name of labelNames) if (labels[name] !== undefined) writer.member(name, labels[name]);
}

/** How many members a payload is written as. */
function countPayload({ encoding }: Payload): number {
  return encoding === "base64" ? 1 : 2;
}

function writePayload(payload: Payload): void {
  if (payload.encoding === "base64") {
    writer.member("data", payload.bytes);
  } else {
    writer.member("data", payload.text);
    writer.member("encoding", payload.encoding);
  }
}

/** An event of the log in MessagePack. */
export function packEvent(epoch: string, event: LogEvent): Bytes {
  return pack(() => {
    writer.mapHeader(2 + countPayload(event.payload) + countLabels(event));
    writer.member("cursor", `${epoch}-${event.offset}`);
    writer.member("at", event.at);
    writePayload(event.payload);
    writeLabels(event);
  });
}

/** An `events` message in MessagePack around events that are MessagePack already. */
export function packEvents(channel: string, from: string, to: string, events: readonly Bytes[]): Bytes {
  const head = pack(() => {
    writer.mapHeader(5);
    writer.member("type", "events");
    writer.member("channel", channel);
    writer.member("from", from);
    writer.member("to", to);
    writer.text("events");
    writer.listHeader(events.length);
  });
  return joinBytes([head, ...events]);
}

function writeDraft({ payload, from: _, ...labels }: Draft): void {
  checkLabels(labels);
  writer.mapHeader(countPayload(payload) + countLabels(labels));
  writePayload(payload);
  writeLabels(labels);
}

/** Reads an event to publish; throws `bad_event`, `bad_json`, `bad_utf8`. */
function readDraft(event: unknown): Draft {
  if (!isRecord(event) || event.data === undefined) {
    throw new HoldfastError(
      "bad_event",
      `An event to publish has "data", which this has not: ${quoted(event)}.`,
    );
  }
  return toDraft(event, readPayload(event));
}

function readPayload({ data, encoding }: Record<string, unknown>): Payload {
  if (data instanceof Uint8Array && encoding === undefined) return { encoding: "base64", bytes: data };
  if (typeof data === "string" && encoding === "json") return jsonPayload(data);
  // As decoded from UTF-8 it holds no half of a surrogate pair.
  if (typeof data === "string" && encoding === "text") return { encoding, text: data };
  throw new HoldfastError(
    "bad_event",
    'An event\'s data is a bin, or a str with "json" (the text of a JSON value) or "text" as its encoding.',
  );
}

// --- what a server says -------------------------------------------------------------------------

/** A server's message in MessagePack. */
export function packControl(message: ControlMessage): Bytes {
  const carried = carriedControl(message);
  return pack(() => writer.value(carried));
}

function carriedControl(message: ControlMessage): object {
  switch (message.type) {
    case "signal":
      return withText(message, "data");
    case "presence":
      return { ...message, members: message.members.map((member) => withText(member, "data")) };
    default:
      return message;
  }
}

/** A copy in which what an application said is its JSON text. */
function withText<Name extends string>(
  fields: { readonly [name in Name]?: unknown },
  name: Name,
): Record<string, unknown> {
  return { ...fields, [name]: JSON.stringify(fields[name]) };
}

/** Puts what an application said in the place of its JSON text; throws `bad_message`, `bad_json`. */
function takeValue(fields: Record<string, unknown>, name: string): void {
  const text = fields[name];
  if (text === undefined) return;
  if (typeof text !== "string") {
    throw new HoldfastError(
      "bad_message",
      `"${name}" is the text of a JSON value, as a str, not ${quoted(text)}.`,
    );
  }
  fields[name] = parseJson(text);
}

function takeValues(list: unknown, name: string): void {
  if (!Array.isArray(list)) return;
  for (const fields of list) if (isRecord(fields)) takeValue(fields, name);
}

/** Reads a server's message as one parsed from JSON would be; throws `bad_message`, `bad_json`, `bad_utf8`. */
function readServerMessage(said: string | Uint8Array): unknown {
  const message = readMessage(binary(said));
  if (message.type === "events" && Array.isArray(message.events)) {
    for (const event of message.events) if (isRecord(event)) takeData(event);
  } else if (message.type === "signal") {
    takeValue(message, "data");
  } else if (message.type === "presence") {
    takeValues(message.members, "data");
  }
  return message;
}

function takeData(event: Record<string, unknown>): void {
  if (event.encoding === "json") {
    takeValue(event, "data");
    event.encoding = undefined;
  } else if (event.data instanceof Uint8Array) {
    event.encoding ??= "base64";
  } else if (event.encoding === undefined) {
    throw new HoldfastError("bad_message", 'An event\'s data came as a str without its "encoding".');
  }
}

// --- what a client says -------------------------------------------------------------------------

function packClientMessage(message: ClientMessage): Bytes {
  if (message.type === "publish") return packPublish(message);
  const carried = carriedMessage(message);
  return pack(() => writer.value(carried));
}

function carriedMessage(message: Exclude<ClientMessage, { type: "publish" }>): object {
  switch (message.type) {
    case "hello": {
      const { type, token, client, instance, subscriptions } = message;
      return { type, token, client, instance, subscriptions: subscriptions.map(carriedSubscription) };
    }
    case "subscribe":
      return { ...message, subscriptions: message.subscriptions.map(carriedSubscription) };
    case "signal": {
      const { type, channel, key, data } = message;
      return { type, channel, ...(key === "" ? {} : { key }), data: JSON.stringify(data) };
    }
    case "presence":
      return withText(message, "data");
    default:
      return message;
  }
}

function carriedSubscription(subscription: unknown): unknown {
  if (!isRecord(subscription) || subscription.join === undefined) return subscription;
  return withText(subscription, "join");
}

function packPublish({ ref, channel, events, ifMatch }: Extract<ClientMessage, { type: "publish" }>): Bytes {
  return pack(() => {
    writer.mapHeader(ifMatch === undefined ? 4 : 5);
    writer.member("type", "publish");
    writer.member("ref", ref);
    writer.member("channel", channel);
    writer.text("events");
    writer.listHeader(events.length);
    for (const event of events) writeDraft(event);
    if (ifMatch !== undefined) writer.member("ifMatch", formatCursor(ifMatch));
  });
}

/** Reads a client's message, still to be checked; throws `bad_message`, `bad_json`, `bad_utf8`. Rules PACK-1, PACK-3. */
export function readPackedMessage(said: string | Uint8Array): UncheckedClientMessage {
  const fields = readMessage(binary(said));
  if (fields.type === "signal" || fields.type === "presence") takeValue(fields, "data");
  else if (fields.type === "hello" || fields.type === "subscribe") takeValues(fields.subscriptions, "join");
  return { fields, toDrafts: (events) => events.map(readDraft) };
}

function binary(said: string | Uint8Array): Uint8Array {
  if (typeof said !== "string") return said;
  throw new HoldfastError("bad_message", "Messages are MessagePack in binary frames here, and this is text.");
}

/** The messages in MessagePack, as a client writes and reads them. Rules PACK-1 to PACK-4. */
export const msgpackCodec: Codec = {
  subprotocol: subprotocols.msgpack,
  encode: packClientMessage,
  decode: readServerMessage,
};
