import { type Cursor, type Draft, formatCursor, type PublishResult } from "@holdfast/protocol";
import type { Hubs } from "./hubs.ts";
import type { Principal } from "./principal.ts";

/** Publishes in the name of a principal that may, and answers in the words of the wire. Rejects as `Hubs.publish` does. */
export async function publishAs(
  { user }: Principal,
  hubs: Hubs,
  channel: string,
  drafts: readonly Draft[],
  ifMatch?: Cursor,
): Promise<readonly PublishResult[]> {
  const signed = user === undefined ? drafts : drafts.map((draft) => ({ ...draft, from: user }));
  const { results } = await hubs.publish(channel, signed, ifMatch);
  return results.map(({ cursor, at, duplicate }) => ({ cursor: formatCursor(cursor), at, duplicate }));
}
