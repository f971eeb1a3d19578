import type { Bytes } from "./bytes.ts";
import { type ClientMessage, formatClientMessage } from "./client-messages.ts";
import { HoldfastError } from "./errors.ts";
import { parseJson } from "./json.ts";
import { subprotocols } from "./websocket.ts";

/** How a client writes its messages on a WebSocket, and reads the server's; named by a subprotocol. Rule SES-5. */
export interface Codec {
  readonly subprotocol: string;
  /** What goes into a text frame, or into a binary one; throws `bad_event` for illegal labels. */
  encode(message: ClientMessage): string | Bytes;
  /** A server's message as if parsed from JSON, unchecked; throws `bad_json`, `bad_message` or `bad_utf8`. */
  decode(said: string | Uint8Array): unknown;
}

/** The messages in JSON, which every server and every transport speaks. */
export const jsonCodec: Codec = {
  subprotocol: subprotocols.json,
  encode: formatClientMessage,
  decode: (said) => parseJson(jsonText(said)),
};

/** The text of a message in JSON; throws `bad_json` for a binary frame. Rule SES-4. */
export function jsonText(said: string | Uint8Array): string {
  if (typeof said === "string") return said;
  throw new HoldfastError("bad_json", "Messages are JSON in text frames here, and this is a binary one.");
}
