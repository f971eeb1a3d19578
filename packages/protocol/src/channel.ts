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

/** Quotes untrusted input for a message: short, and without control characters. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? typeof value);
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
