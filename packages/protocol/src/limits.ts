/** Every limit of a node with its default; sizes in bytes, times in milliseconds. Rule BND-2. */
export interface Limits {
  /** The payload of one event. */
  readonly eventBytesMax: number;
  /** One request body, or one WebSocket message. */
  readonly messageBytesMax: number;
  /** Events in one publish. */
  readonly publishEventsMax: number;
  /** Publishes of one WebSocket that may await their acknowledgement before it is read on. */
  readonly publishesInFlightMax: number;
  /** Channels on one session. */
  readonly subscriptionsMax: number;
  /** Channels on one `/events` stream: each event carries all their cursors. */
  readonly streamChannelsMax: number;
  /** Events in one JSON page. */
  readonly pageEventsMax: number;
  readonly pageEventsDefault: number;
  /** Payload bytes in one page or batch; a single larger event still fits. */
  readonly pageBytesMax: number;
  readonly waitMsMax: number;
  readonly heartbeatMs: number;
  readonly helloTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly headersBytesMax: number;
  readonly bodyTimeoutMs: number;
  /** Connections of one node, upgraded and streaming ones included. */
  readonly connectionsMax: number;
  /** How old a WebSocket or event stream becomes before its client is asked to go elsewhere; 0 never asks. Rule CALM-4. */
  readonly connectionAgeMsMax: number;
  /** Unsent bytes of one connection beyond which nothing more is written to it. */
  readonly connectionBufferBytesMax: number;
  /** How long a full connection may take nothing before it is closed; 0 never closes it. */
  readonly stalledMsMax: number;
  /** Signals and presence members kept for one channel. */
  readonly signalKeysMax: number;
  /** The data of one signal, or of one member. */
  readonly signalBytesMax: number;
  readonly presenceMembersMax: number;
  readonly presenceGraceMs: number;
}

export const defaultLimits: Limits = {
  eventBytesMax: 256 * 1024,
  messageBytesMax: 1024 * 1024,
  publishEventsMax: 1000,
  publishesInFlightMax: 64,
  subscriptionsMax: 1024,
  streamChannelsMax: 50,
  pageEventsMax: 1000,
  pageEventsDefault: 100,
  pageBytesMax: 512 * 1024,
  waitMsMax: 60_000,
  heartbeatMs: 15_000,
  helloTimeoutMs: 10_000,
  headersTimeoutMs: 10_000,
  headersBytesMax: 16 * 1024,
  bodyTimeoutMs: 15_000,
  connectionsMax: 15_000,
  connectionAgeMsMax: 3_600_000,
  connectionBufferBytesMax: 64 * 1024,
  stalledMsMax: 300_000,
  signalKeysMax: 1000,
  signalBytesMax: 16 * 1024,
  presenceMembersMax: 10_000,
  presenceGraceMs: 10_000,
};
