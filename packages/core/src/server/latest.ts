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
    const encoded = new EncodedEvent(state.epoch, event);
    const last = events.at(-1);
    const fits = events.length < limits.eventsMax && bytes + encoded.payloadBytes <= limits.bytesMax;
    if (last !== undefined && !fits) cut(last.offset);
    events.push(encoded);
    bytes += encoded.payloadBytes;
  }
  if (state.to > start) cut(state.to);
  return batches;
}
