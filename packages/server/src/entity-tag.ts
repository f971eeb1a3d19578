import { type Cursor, formatCursor, HoldfastError, parseCursor, quoted } from "@holdfast/protocol";
import { codings } from "./compression/content-coding.ts";

/** The validator of a page: where it reaches, and what it says beside its events. Rule JSON-2. */
export function pageTag(cursor: Cursor, page: { more: boolean; closed: boolean }): string {
  return `"${formatCursor(cursor)}${page.more ? ".more" : page.closed ? ".end" : ""}"`;
}

/** The tag of the same page in a content coding, which is other bytes. Rule ZIP-9. */
export function codedTag(tag: string, coding: string): string {
  return `${tag.slice(0, -1)}.${coding}"`;
}

const anyCoding = new RegExp(`\\.(?:${codings.join("|")})"$`);

/**
 * The tag by which an `If-None-Match` names a page, in whichever coding; undefined when it does not. Compared weakly.
 * RFC 9110 §13.1.2; rule JSON-2.
 */
export function namedTag(ifNoneMatch: string | undefined, tag: string): string | undefined {
  if (ifNoneMatch === undefined) return undefined;
  if (ifNoneMatch.trim() === "*") return tag;
  return ifNoneMatch
    .split(",")
    .map((one) => one.trim().replace(/^W\//, ""))
    .find((one) => one.replace(anyCoding, '"') === tag);
}

const oneTag = new RegExp(`^"([^"]*?)(?:\\.more|\\.end)?(?:\\.(?:${codings.join("|")}))?"$`);

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
