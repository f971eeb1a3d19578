import { isChannelName, quoted } from "./channel.ts";
import { HoldfastError } from "./errors.ts";

/** A position between events: everything up to and including `offset` of this `epoch` has been passed. */
export interface Cursor {
  readonly epoch: string;
  /** 0 to 2^53-1; 0 lies before the first event. */
  readonly offset: number;
}

/** Where to read: after a cursor, from the floor, or from the head. */
export type Position = Cursor | "oldest" | "latest";

/** Where a subscription starts: a position, or a number of events before the head. */
export type Start = { readonly after: Position } | { readonly last: number };

const cursorText = /^([a-z0-9]{1,24})-(0|[1-9][0-9]{0,15})$/;

export function formatCursor(cursor: Cursor): string {
  return `${cursor.epoch}-${cursor.offset}`;
}

/** Parses `epoch-offset`; throws `bad_cursor`. Rule CUR-1. */
export function parseCursor(text: unknown): Cursor {
  const match = typeof text === "string" ? cursorText.exec(text) : null;
  const epoch = match?.[1];
  const offset = Number(match?.[2]);
  if (epoch === undefined || !Number.isSafeInteger(offset)) {
    throw new HoldfastError("bad_cursor", `A cursor looks like "k3v9x2-17", not ${quoted(text)}.`);
  }
  return { epoch, offset };
}

/** Parses a cursor, `oldest` or `latest`; throws `bad_cursor`. */
export function parsePosition(text: unknown): Position {
  if (text === "oldest" || text === "latest") return text;
  try {
    return parseCursor(text);
  } catch {
    throw new HoldfastError(
      "bad_cursor",
      `"after" takes a cursor such as "k3v9x2-17", "oldest" or "latest", not ${quoted(text)}.`,
    );
  }
}

export function formatPosition(position: Position): string {
  return typeof position === "string" ? position : formatCursor(position);
}

export function sameCursor(a: Cursor, b: Cursor): boolean {
  return a.offset === b.offset && a.epoch === b.epoch;
}

/** Formats `channel=cursor` pairs; `first` names the channel that leads, if any. Rule CUR-4. */
export function formatCompoundCursor(cursors: ReadonlyMap<string, Cursor>, first?: string): string {
  const lead = first === undefined ? undefined : cursors.get(first);
  const pairs = lead === undefined ? [] : [`${first}=${formatCursor(lead)}`];
  for (const [channel, cursor] of cursors) {
    if (channel !== first) pairs.push(`${channel}=${formatCursor(cursor)}`);
  }
  return pairs.join(",");
}

/** Parses a compound cursor; throws `bad_cursor` on a malformed pair or a channel named twice. Rule CUR-4. */
export function parseCompoundCursor(text: unknown): Map<string, Cursor> {
  const cursors = new Map<string, Cursor>();
  for (const pair of typeof text === "string" ? text.split(",") : [""]) {
    const split = pair.indexOf("=");
    const channel = pair.slice(0, split);
    if (split === -1 || !isChannelName(channel) || cursors.has(channel)) {
      throw new HoldfastError(
        "bad_cursor",
        `A compound cursor looks like "orders=k3v9x2-17,chat=k3v9x3-4", each channel once, not ${quoted(text)}.`,
      );
    }
    cursors.set(channel, parseCursor(pair.slice(split + 1)));
  }
  return cursors;
}
