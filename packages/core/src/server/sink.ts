import type { HoldfastError, ReconnectReason } from "@holdfast/protocol";

/** Why the server lets a connection go. */
export type Farewell =
  | { readonly kind: "ended" }
  | { readonly kind: "refused"; readonly error: HoldfastError }
  | { readonly kind: "reconnect"; readonly delayMs: number; readonly reason: ReconnectReason };

/**
 * What became of what was written and had not left: there was `nothing`; it was `dropped`; or the connection was `cut`,
 * because it had been handed to a socket, which gives nothing back.
 */
export type Retracted = "nothing" | "dropped" | "cut";

/** What a transport offers a session. */
export interface Sink {
  /**
   * Takes the bytes whole. False means full: until `Session.drained()` is called nothing more will be written but
   * answers to what the client has asked already.
   */
  write(bytes: Uint8Array): boolean;
  /** Takes back what was written and has not left. Rule REV-5. */
  retract(): Retracted;
  /** What was written still goes out; then the connection ends, saying why in the transport's own way. */
  close(farewell: Farewell): void;
  /**
   * The session is over: called once, before anything else is made of it, with what the client is told, or with nothing
   * when it is the client that has gone.
   */
  over(farewell?: Farewell): void;
  /** A deadline of the session is now earlier than it was. */
  sooner?(): void;
  /** Stops or restarts reading from the client, whose requests are answered in the time it takes to drain. */
  pauseInput(paused: boolean): void;
}
