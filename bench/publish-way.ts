import type { Dialect } from "./load/dialect.ts";

/** One way in which a client publishes to a peer and hears that it was taken. */
export type PublishWay = HttpWay | WebSocketWay;

export interface HttpWay {
  readonly over: "HTTP";
  /** The request that publishes these payloads to a channel; answered by a status from 200 to 299. */
  request(
    channel: string,
    payloads: readonly string[],
  ): {
    readonly path: string;
    readonly type: string;
    readonly body: string;
  };
}

export interface WebSocketWay {
  readonly over: "WebSocket";
  /** Opens a connection that publishes, and best does not read. */
  readonly dialect: Dialect;
  /** Why it takes no batches; absent where it does. */
  readonly onlySingle?: string;
  /** The message that publishes these payloads; `slot` tells those apart that are under way at the same time. */
  message(channel: string, payloads: readonly string[], slot: number): string;
  /** How the messages begin that acknowledge one, in the order of publishing. */
  readonly acknowledged: string;
}
