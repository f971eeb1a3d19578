import { type Cursor, formatCursor, HoldfastError, parseCursor, quoted } from "@holdfast/protocol";

/** The validator of a page: where it reaches, and what it says beside its events. Rule JSON-2. */
export function pageTag(cursor: Cursor, page: { more: boolean; closed: boolean }): string {
  return `"${formatCursor(cursor)}${page.more ? ".more" : page.closed ? ".end" : ""}"`;
}

/** Whether an `If-None-Match` names a tag; compared weakly. RFC 9110 §13.1.2. */
export function namesTag(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return ifNoneMatch.split(",").some((one) => one.trim().replace(/^W\//, "") === tag);
}

const oneTag = /^"([^"]*?)(?:\.more|\.end)?"$/;

/** The cursor of an `If-Match`, which may be a page's own tag; throws `bad_cursor`. Rule PUB-1. */
export function conditionOf(ifMatch: string | undefined): Cursor | undefined {
  if (ifMatch === undefined) return undefined;
  const cursor = oneTag.exec(ifMatch.trim())?.[1];
  if (cursor !== undefined) return parseCursor(cursor);
  throw new HoldfastError(
    "bad_cursor",
    `"If-Match" takes one cursor in quotes, as in "k3v9x2-17", not ${quoted(ifMatch)}.`,
  );
}
