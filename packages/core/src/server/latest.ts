import { payloadBytes } from "@holdfast/protocol";
import type { LogState, ReadLimits } from "../broker/port.ts";
import { Batch, EncodedEvent } from "./batch.ts";

/** Leaves out what a later event of the same key replaces. Rule MODE-2. */
export function conflate(events: readonly EncodedEvent[]): readonly EncodedEvent[] {
  if (events.length < 2) return events;
  const newest = new Map<string, EncodedEvent>();
  for (const event of events) newest.set(event.event.key ?? "", event);
  return newest.size === events.length
    ? events
    : events.filter((event) => newest.get(event.event.key ?? "") === event);
}

/** The part of a channel's state that lies after `from`, in bounded batches that follow each other up to the state's end. */
export function stateBatches(channel: string, state: LogState, from: number, limits: ReadLimits): Batch[] {
  const batches: Batch[] = [];
  let start = from;
  let events: EncodedEvent[] = [];
  let bytes = 0;
  const cut = (to: number) => {
    batches.push(new Batch(channel, state.epoch, start, to, events));
    start = to;
    events = [];
    bytes = 0;
  };
  for (const event of state.events) {
    if (event.offset <= from) continue;
    const size = payloadBytes(event.payload);
    const last = events.at(-1);
    if (last !== undefined && (events.length === limits.eventsMax || bytes + size > limits.bytesMax)) {
      cut(last.event.offset);
    }
    events.push(new EncodedEvent(state.epoch, event));
    bytes += size;
  }
  if (state.to > start) cut(state.to);
  return batches;
}
