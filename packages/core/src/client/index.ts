export { Connection } from "./connection.ts";
export type { Effect, Loss, Post, Posted, Presence, Signal } from "./effects.ts";
export { type ChannelEvent, closeError, toError } from "./incoming.ts";
export { type Needs, type Transport, type TransportMemory, transports } from "./ladder.ts";
export type { ConnectionOptions } from "./options.ts";
export { ClosedError, type CloseReason, type ConnectionState } from "./state.ts";
export { type Gap, heldFactor, type Step, stepOfBatch, type Wants } from "./subscription.ts";
export { defaultTiming, type Timing } from "./timing.ts";
