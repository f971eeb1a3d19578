import { defaultLimits } from "@holdfast/protocol";
import { createHoldfast, type HoldfastOptions } from "@holdfast/server";
import type { Served, Setting } from "../peer.ts";

/** Bytes of an event's payload here, at most. */
const eventBytes = 1024;
/** Connections beside those of the readers. */
const spare = 100;

/**
 * A node with nothing changed but who may come in, and told nothing that has to be written down. It lets in as many as there
 * will be, and keeps what a scenario asks it to keep.
 */
export async function serveHoldfast(
  { readers, history }: Setting,
  options: HoldfastOptions = {},
): Promise<Served> {
  const kept = history === undefined ? {} : retaining(history);
  // A connection of the load generator says what those of a thousand users would.
  const limits = {
    connectionsMax: Math.max(defaultLimits.connectionsMax, readers + spare),
    messagesPerSecond: 0,
  };
  const holdfast = createHoldfast({ ...options, ...kept, limits, open: true, logger: () => {} });
  const { url } = await holdfast.listen({ port: 0 });
  return {
    port: Number(new URL(url).port),
    publish: (channel, payload) => holdfast.publish(channel, payload),
    unsentBytes: () => holdfast.stats().unsentBytes,
    close: () => holdfast.close({ spreadMs: 0, deadlineMs: 1000 }),
  };
}

function retaining(events: number): HoldfastOptions {
  return { namespaces: { "": { retention: { eventsMax: events, bytesMax: events * eventBytes } } } };
}
