import type { Codec } from "../codec.ts";
import { subprotocols } from "../websocket.ts";
import { packClientMessage } from "./client-messages.ts";
import { readServerMessage } from "./server-messages.ts";

/** The messages in MessagePack, as a client writes and reads them. Rules PACK-1 to PACK-4. */
export const msgpackCodec: Codec = {
  subprotocol: subprotocols.msgpack,
  encode: packClientMessage,
  decode: readServerMessage,
};
