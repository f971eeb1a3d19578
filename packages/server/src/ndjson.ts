import { type Draft, decodeUtf8, HoldfastError, parseDraftText } from "@holdfast/protocol";

/** Reads one event a line; an empty line, as at the end, is none. Throws, naming the line. Rule POST-2. */
export function parseBatch(body: Uint8Array): Draft[] {
  const drafts: Draft[] = [];
  for (const [index, line] of decodeUtf8(body).split("\n").entries()) {
    if (line.trim() === "") continue;
    try {
      drafts.push(parseDraftText(line));
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      throw new HoldfastError(error.code, `Line ${index + 1}: ${error.message}`, { cause: error });
    }
  }
  if (drafts.length === 0) throw new HoldfastError("bad_event", "A batch has at least one event.");
  return drafts;
}
