import { HoldfastError } from "./errors.ts";

const channelName = /^[A-Za-z0-9_.:@-]{1,128}$/;

export function isChannelName(text: string): boolean {
  return channelName.test(text);
}

/** Returns `text` if it is a legal channel name; throws `bad_channel` otherwise. Rule NAME-1. */
export function parseChannelName(text: unknown): string {
  if (typeof text === "string" && isChannelName(text)) return text;
  throw new HoldfastError(
    "bad_channel",
    `A channel name is 1 to 128 of A-Z a-z 0-9 _ . : @ -, not ${quoted(text)}.`,
  );
}

/** The part before the first `:`, or the empty string: the default namespace. Rule NAME-2. */
export function namespaceOf(channel: string): string {
  const end = channel.indexOf(":");
  return end === -1 ? "" : channel.slice(0, end);
}

/** What a terminal or log would obey instead of showing: controls, marks of direction, further line breaks. */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Quotes untrusted input for a message: short, on one line, and with nothing invisible. Only the shape of what is no text. */
export function quoted(value: unknown): string {
  if (typeof value === "string") return quotedText(value);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "[…]";
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  // Never JSON.stringify: it fails on cycles, and on depth where it recurses.
  for (const key in value) return `{${quotedText(key)}:…}`;
  return "{}";
}

function quotedText(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return JSON.stringify(short).replace(invisible, (char) => `\\u{${char.codePointAt(0)?.toString(16)}}`);
}
