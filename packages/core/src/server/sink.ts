import type { HoldfastError, ReconnectReason } from "@holdfast/protocol";

/** Why the server lets a connection go. */
export type Farewell =
  | { readonly kind: "ended" }
  | { readonly kind: "refused"; readonly error: HoldfastError }
  | { readonly kind: "reconnect"; readonly delayMs: number; readonly reason: ReconnectReason };

/** What a transport offers a session. */
export interface Sink {
  /**
   * Takes the bytes whole. False means full: until `Session.drained()` is called nothing more will be written but
   * answers to what the client has asked already.
   */
  write(bytes: Uint8Array): boolean;
  /** What was written still goes out; then the connection ends, saying why in the transport's own way. */
  close(farewell: Farewell): void;
  /** Stops or restarts reading from the client, whose requests are answered in the time it takes to drain. */
  pauseInput(paused: boolean): void;
}
