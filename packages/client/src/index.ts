export {
  type ChannelEvent,
  ClosedError,
  type ConnectionState,
  type Gap,
  type Presence,
  type Signal,
  type Timing,
  type Transport,
} from "@holdfast/core/client";
export { type Codec, HoldfastError, type PublishResult } from "@holdfast/protocol";
export { Client, type ClientEvents, type ClientOptions, connect } from "./client.ts";
export { GapError } from "./inbox.ts";
export type { Publication, PublishOptions } from "./publisher.ts";
export type { SubscribeOptions, Subscription } from "./reader.ts";
export type { TokenOption } from "./token.ts";
