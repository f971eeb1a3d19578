import type { Draft, LogEvent } from "@holdfast/protocol";
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
const eventOverheadBytes = 320;
const idOverheadBytes = 192;

/** A draft with the size of its payload, which is counted once: that is a walk over the text. */
export interface Weighed {
  readonly draft: Draft;
  readonly payloadBytes: number;
}

/** An event with the size of its payload. */
export interface Held {
  readonly event: LogEvent;
  readonly payloadBytes: number;
}

export function weigh(draft: Draft): Weighed {
  return { draft, payloadBytes: payloadBytes(draft.payload) };
}

/** The memory an event takes, roughly. */
export function eventBytes({ type, key, id }: Draft, payloadBytes: number): number {
  return eventOverheadBytes + (type?.length ?? 0) + (key?.length ?? 0) + (id?.length ?? 0) + payloadBytes;
}

/** The memory an id takes that is remembered as `name`. */
export function idBytes(name: string): number {
  return idOverheadBytes + name.length;
}
