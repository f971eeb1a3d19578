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
  /** How long before its token ends a session is told; a quarter of the token's life where that is shorter. */
  readonly expiryNoticeMs: number;
  /** How long a WebSocket whose token has ended stays, silent, for a new one; 0 closes it at once. */
  readonly expiryGraceMs: number;
  /** Tokens that one WebSocket may bring in a minute. */
  readonly renewalsPerMinuteMax: number;
  readonly headersTimeoutMs: number;
  readonly headersBytesMax: number;
  readonly bodyTimeoutMs: number;
  /** Request bodies of one node that are being read, in bytes that have come. */
  readonly bodiesBytesMax: number;
  /** The events of one `/state`; the newest are answered. */
  readonly stateBytesMax: number;
  /** One token, or API key. */
  readonly tokenBytesMax: number;
  /** How long the application may take to say who somebody is, or whether they may do something. */
  readonly authTimeoutMs: number;
  /** Connections of one node, upgraded and streaming ones included. */
  readonly connectionsMax: number;
  /** Newcomers at a time who wait to be let in, or of whom it is being found out who they are. Rule CALM-8. */
  readonly arrivalsMax: number;
  /** How much work a turn of the event loop may be, in ms of processor time, before fewer newcomers are let in; 0 lets all in. Rule CALM-8. */
  readonly loopDelayMsMax: number;
  /** How old a WebSocket or event stream becomes before its client is asked to go elsewhere; 0 never asks. Rule CALM-4. */
  readonly connectionAgeMsMax: number;
  /** Streams, WebSockets and held answers of one user on one node; 0 has no such bound. */
  readonly connectionsPerUserMax: number;
  /** Connections of one client address, an IPv6 network of 64 bits counting as one; 0 has no such bound. */
  readonly connectionsPerAddressMax: number;
  /** Event streams and WebSockets that one node begins in a second; 0 has no such bound. */
  readonly handshakesPerSecond: number;
  /** The same for one client address, and for its TCP connections; 0 has no such bound. */
  readonly handshakesPerAddressPerSecond: number;
  /** Streams of one HTTP/2 connection. */
  readonly http2StreamsMax: number;
  /** How long a connection on which nothing is asked stays open. */
  readonly keepAliveTimeoutMs: number;
  /** How long a session stays that has no subscription and says nothing but pings; 0 keeps it. */
  readonly idleTimeoutMs: number;
  /** What one client says on a WebSocket in a second, in messages, pings and pongs; beyond, it is read more slowly. 0 has no such bound. */
  readonly messagesPerSecond: number;
  /** Events and signals of one user in a second, or of one address where nobody says who it is; 0 has no such bound. */
  readonly publishesPerUserPerSecond: number;
  /** Events of one channel in a second, from clients; a namespace may have its own. 0 has no such bound. */
  readonly publishesPerChannelPerSecond: number;
  /** What is left of any rate is saved up for so long, to be used at once. */
  readonly rateBurstMs: number;
  /** Users, channels and addresses whose rates are remembered, of each kind. */
  readonly rateKeysMax: number;
  /** Channels that one node follows for its readers. */
  readonly channelsFollowedMax: number;
  /** Unsent bytes of one connection beyond which nothing more is written to it. */
  readonly connectionBufferBytesMax: number;
  /** How long a full connection may take nothing before it is closed; 0 never closes it. */
  readonly stalledMsMax: number;
  /** Signals that one node keeps of one channel for readers that lag, and their data, with keys and users. */
  readonly signalKeysMax: number;
  readonly signalsBytesMax: number;
  /** The data of one signal, or of one member. */
  readonly signalBytesMax: number;
  /** The members of one channel, and their data, with instances and users. */
  readonly presenceMembersMax: number;
  readonly presenceBytesMax: number;
  readonly presenceGraceMs: number;
  /** How long a ticket may wait to be used; at most 30,000. */
  readonly ticketMs: number;
  /** Tickets that a node makes within `ticketMs`, and those of them for one user. */
  readonly ticketsMax: number;
  readonly ticketsPerUserMax: number;
  /** Revocations that are remembered at a time. */
  readonly revocationsMax: number;
  /** How long a revocation is remembered, or longer where tokens may live longer (`auth.tokens.lifetimeMsMax`). */
  readonly revocationMs: number;
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
  expiryNoticeMs: 30_000,
  expiryGraceMs: 0,
  renewalsPerMinuteMax: 30,
  headersTimeoutMs: 10_000,
  headersBytesMax: 16 * 1024,
  bodyTimeoutMs: 15_000,
  bodiesBytesMax: 128 * 1024 * 1024,
  stateBytesMax: 16 * 1024 * 1024,
  tokenBytesMax: 16 * 1024,
  authTimeoutMs: 5000,
  connectionsMax: 15_000,
  arrivalsMax: 5000,
  loopDelayMsMax: 100,
  connectionAgeMsMax: 3_600_000,
  connectionsPerUserMax: 1000,
  connectionsPerAddressMax: 1000,
  handshakesPerSecond: 0,
  handshakesPerAddressPerSecond: 50,
  http2StreamsMax: 250,
  keepAliveTimeoutMs: 65_000,
  idleTimeoutMs: 600_000,
  messagesPerSecond: 1000,
  publishesPerUserPerSecond: 1000,
  publishesPerChannelPerSecond: 0,
  rateBurstMs: 10_000,
  rateKeysMax: 100_000,
  channelsFollowedMax: 100_000,
  connectionBufferBytesMax: 64 * 1024,
  stalledMsMax: 300_000,
  signalKeysMax: 1000,
  signalsBytesMax: 1024 * 1024,
  signalBytesMax: 16 * 1024,
  presenceMembersMax: 10_000,
  presenceBytesMax: 1024 * 1024,
  presenceGraceMs: 10_000,
  ticketMs: 30_000,
  ticketsMax: 20_000,
  ticketsPerUserMax: 100,
  revocationsMax: 100_000,
  revocationMs: 86_400_000,
};
