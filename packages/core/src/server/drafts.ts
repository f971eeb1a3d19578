import { type Draft, HoldfastError, type Limits, payloadBytes } from "@holdfast/protocol";

/** Throws `too_large` for a batch that is too long, or holds an event that is too large. Rules PUB-3, BND-2. */
export function checkDrafts(drafts: readonly Draft[], { publishEventsMax, eventBytesMax }: Limits): void {
  if (drafts.length > publishEventsMax) {
    throw new HoldfastError(
      "too_large",
      `A batch holds at most ${publishEventsMax} events; this one has ${drafts.length}. Send several.`,
      { limit: "publishEventsMax" },
    );
  }
  for (const { payload } of drafts) {
    const bytes = payloadBytes(payload);
    if (bytes <= eventBytesMax) continue;
    throw new HoldfastError(
      "too_large",
      `An event carries at most ${eventBytesMax} bytes; this one has ${bytes}.`,
      { limit: "eventBytesMax" },
    );
  }
}
