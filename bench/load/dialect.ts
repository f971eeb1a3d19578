/** How a reader that was cut off goes on from where it stood. */
export interface Resuming {
  /** Where a reader stands that stood at `position` and was told this message. */
  after(message: Buffer, position: string | undefined): string | undefined;
}

/** How a reader speaks with a peer: only what is needed to be given events. */
export interface Dialect {
  readonly framing: "websocket" | "sse";
  /** Offers permessage-deflate. The server must agree to take over no context (RFC 7692 §7.1.1.1). */
  readonly offersDeflate?: boolean;
  /** The path of the request that opens a reader of these channels, which goes on from `position` if one is given. */
  path(channels: readonly string[], position?: string): string;
  /** Said once the connection stands. */
  hello?(channels: readonly string[], position?: string): string | undefined;
  /** What a message that came before the reader was live is answered with. */
  answer?(message: string, position?: string): string | undefined;
  /** Whether the reader is given events from now on, by all that it has heard; absent: as soon as the connection stands. */
  isLive?(heard: string, channels: readonly string[]): boolean;
  /** What the server asks to see whether the reader is there, beside a WebSocket's own ping, and the answer. */
  readonly ping?: { readonly asked: string; readonly answer: string };
  /** Absent: a reader that comes back is like any that is new. */
  readonly resuming?: Resuming;
  /** The position of a newcomer who wants all that is kept; absent where nobody can have that. */
  readonly oldest?: string;
}
