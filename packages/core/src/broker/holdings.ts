import type { Draft } from "@holdfast/protocol";
import { payloadBytes } from "@holdfast/protocol";

/** What all logs of a broker hold together; each log keeps it up to date. */
export interface Holdings {
  /** Events within retention. */
  events: number;
  /** Memory of events, of state and of ids, as `eventBytes` and `idBytes` estimate it. */
  bytes: number;
  /** The part of `bytes` that is ids. They go by age and number alone: a retry must find them. */
  idBytes: number;
}

// Measured on Node 26: what an event, its slot and its place in the state, or an id, take beside their text.
// Without them a flood of tiny events would outgrow any limit on payloads.
const eventOverheadBytes = 256;
const idOverheadBytes = 192;

/** The memory an event takes, roughly. */
export function eventBytes(event: Draft): number {
  const labels = (event.type?.length ?? 0) + (event.key?.length ?? 0) + (event.id?.length ?? 0);
  return eventOverheadBytes + labels + payloadBytes(event.payload);
}

/** The memory an id takes that is remembered as `name`. */
export function idBytes(name: string): number {
  return idOverheadBytes + name.length;
}
