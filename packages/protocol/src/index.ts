export * from "./bytes.ts";
export * from "./channel.ts";
export * from "./client-messages.ts";
export * from "./close-reason.ts";
export * from "./codec.ts";
export { crc32Shift, joinCrc32 } from "./crc32.ts";
export * from "./cursor.ts";
export * from "./errors.ts";
export * from "./event.ts";
export { chunk, lastChunk } from "./http-chunk.ts";
export { isRecord, parseJson } from "./json.ts";
export * from "./limits.ts";
export { checkValueNesting, nestingMax } from "./nesting.ts";
export {
  checkJsonValue,
  decodePayload,
  jsonPayload,
  type Payload,
  payloadBytes,
  payloadValue,
  textPayload,
  toPayload,
} from "./payload.ts";
export { acceptDeflate } from "./permessage-deflate.ts";
export * from "./server-messages.ts";
export * from "./sse.ts";
export * from "./stream-codings.ts";
export * from "./websocket.ts";
