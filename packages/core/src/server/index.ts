export { Batch, EncodedEvent, type Framing } from "./batch.ts";
export type { Compression, Compressor } from "./compression.ts";
export { ControlLog, type ControlLogOptions } from "./control-log.ts";
export { Dialogue, type DialogueOptions, type MessageForm } from "./dialogue.ts";
export {
  chunked,
  compoundSse,
  deflatedWebSocket,
  framings,
  type WebSocketFramings,
} from "./framings.ts";
export { actions, allows, everyChannel, fits, isChannelPattern, permits } from "./grants.ts";
export type { Hub } from "./hub.ts";
export { type Clock, Hubs, type HubsOptions, type HubsStats } from "./hubs.ts";
export { checkLists } from "./lists.ts";
export { type Courier, LobbyExchange } from "./lobby-exchange.ts";
export type { LobbyNews, Neighbours } from "./neighbours.ts";
export type { Gap, Page } from "./page.ts";
export * from "./principal.ts";
export { PublishRates, type Source } from "./publish-rates.ts";
export { publishAs } from "./publishing.ts";
export { type Bucket, fullBucket, type Rate, Rates, taken, untilTaken } from "./rates.ts";
export type { Reader, ReaderState, Receiver } from "./reader.ts";
export * from "./reserved.ts";
export * from "./revocation-table.ts";
export { Session, type SessionOptions, type SessionState } from "./session.ts";
export { type ResumeOutcome, reasonOf, SessionCounts } from "./session-counts.ts";
export * from "./settings.ts";
export * from "./sink.ts";
export { type CodedStream, gzipStreams, StreamCoding, zstdStreams } from "./stream-coding.ts";
