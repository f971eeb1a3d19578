import { type Bytes, joinBytes } from "../bytes.ts";
import { quoted } from "../channel.ts";
import { HoldfastError } from "../errors.ts";
import { checkLabels, type Draft, type Labels, type LogEvent, toDraft } from "../event.ts";
import { isRecord } from "../json.ts";
import { jsonPayload, type Payload } from "../payload.ts";
import { pack, writer } from "./packing.ts";

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

/** Writes an event to publish. */
export function writeDraft({ payload, from: _, ...labels }: Draft): void {
  checkLabels(labels);
  writer.mapHeader(countPayload(payload) + countLabels(labels));
  writePayload(payload);
  writeLabels(labels);
}

/** Reads an event to publish; throws `bad_event`, `bad_json`, `bad_utf8`. */
export function readDraft(event: unknown): Draft {
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
