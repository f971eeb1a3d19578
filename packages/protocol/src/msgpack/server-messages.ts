import type { Bytes } from "../bytes.ts";
import { HoldfastError } from "../errors.ts";
import { isRecord } from "../json.ts";
import type { ControlMessage } from "../server-messages.ts";
import { takeValue, takeValues, withText } from "./application-json.ts";
import { pack, writer } from "./packing.ts";
import { binary, readMessage } from "./reader.ts";

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

/** Reads a server's message as one parsed from JSON would be; throws `bad_message`, `bad_json`, `bad_utf8`. */
export function readServerMessage(said: string | Uint8Array): unknown {
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
