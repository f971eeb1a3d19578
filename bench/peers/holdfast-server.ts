import { createHoldfast, type HoldfastOptions } from "@holdfast/server";
import type { Served } from "../peer.ts";

/** A node with nothing changed but who may come in, and told nothing that has to be written down. */
export async function serveHoldfast(options: HoldfastOptions = {}): Promise<Served> {
  const holdfast = createHoldfast({ ...options, open: true, logger: () => {} });
  const { url } = await holdfast.listen({ port: 0 });
  return {
    port: Number(new URL(url).port),
    publish: (channel, payload) => holdfast.publish(channel, payload),
    unsentBytes: () => holdfast.stats().unsentBytes,
    close: () => holdfast.close({ spreadMs: 0, deadlineMs: 1000 }),
  };
}
