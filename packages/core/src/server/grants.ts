import type { Action, Grant, Principal } from "./principal.ts";
import { isReserved } from "./reserved.ts";

/** Every action that a grant may name. */
export const actions: readonly Action[] = ["read", "publish", "presence", "signal", "admin"];

const pattern = /^(?:[A-Za-z0-9_.:@-]|\*(?!\*\*)|\{user\}){1,128}$/;

/** Whether a text is a pattern of channel names: their characters, `*`, `**` and `{user}`. Rule AUTH-3. */
export function isChannelPattern(text: unknown): text is string {
  return typeof text === "string" && pattern.test(text);
}

/** Asked for where a right is about the whole server, and not about some channel. Rule AUTH-16. */
export const everyChannel = "**";

/** What a pattern asks for, from left to right. */
type Part =
  | { readonly is: "text"; readonly text: string }
  | { readonly is: "user" }
  /** Any run of characters but ":". */
  | { readonly is: "segment" }
  /** Any run at all. */
  | { readonly is: "any" };

const partForm = /\*\*|\*|\{user\}|(?:(?!\*|\{user\}).)+/g;

function partOf(text: string): Part {
  if (text === "**") return { is: "any" };
  if (text === "*") return { is: "segment" };
  return text === "{user}" ? { is: "user" } : { is: "text", text };
}

/** Patterns kept in parts: what many principals share is read once. */
export const compiledMax = 4096;
const compiled = new Map<string, readonly Part[]>();

function partsOf(text: string): readonly Part[] {
  let parts = compiled.get(text);
  if (parts === undefined) {
    parts = (text.match(partForm) ?? []).map(partOf);
    // The first in goes first: what is still in use costs one more reading.
    const { value: oldest } = compiled.keys().next();
    if (compiled.size >= compiledMax && oldest !== undefined) compiled.delete(oldest);
    compiled.set(text, parts);
  }
  return parts;
}

/** Whether a channel's name fits a pattern; `{user}` fits the user id alone, whatever characters that has. Rule AUTH-3. */
export function fits(text: string, user: string | undefined, channel: string): boolean {
  if (channel === everyChannel) return text === everyChannel;
  // Who is given all of some names has not been given the nodes' own.
  if (isReserved(channel) && text !== everyChannel && !isReserved(text)) return false;
  if (!text.includes("*") && !text.includes("{user}")) return text === channel;
  const parts = partsOf(text);
  let at = 0;
  for (const [index, part] of parts.entries()) {
    if (part.is === "any" || part.is === "segment") return fitsFrom(parts, index, user, channel, at);
    const wanted = part.is === "user" ? user : part.text;
    if (wanted === undefined || !channel.startsWith(wanted, at)) return false;
    at += wanted.length;
  }
  return at === channel.length;
}

/**
 * The same from a wildcard on, by the places that may be reached part by part: the work grows with the length of both,
 * and there is nothing to go back to.
 */
function fitsFrom(
  parts: readonly Part[],
  first: number,
  user: string | undefined,
  channel: string,
  at: number,
): boolean {
  const { length } = channel;
  if (first === parts.length - 1) return parts[first]?.is === "any" || !channel.includes(":", at);
  let reached = new Uint8Array(length + 1);
  reached[at] = 1;
  for (const part of parts.slice(first)) {
    const next = new Uint8Array(length + 1);
    if (part.is === "any" || part.is === "segment") {
      for (let place = at, runs = false; place <= length; place++) {
        if (part.is === "segment" && channel[place - 1] === ":") runs = false;
        runs ||= reached[place] === 1;
        if (runs) next[place] = 1;
      }
    } else {
      const wanted = part.is === "user" ? user : part.text;
      if (wanted === undefined) return false;
      for (let place = at; place + wanted.length <= length; place++) {
        if (reached[place] === 1 && channel.startsWith(wanted, place)) next[place + wanted.length] = 1;
      }
    }
    reached = next;
  }
  return reached[length] === 1;
}

/** Whether one of these grants allows a user this. */
export function allows(
  grants: readonly Grant[],
  user: string | undefined,
  action: Action,
  channel: string,
): boolean {
  for (const grant of grants) {
    if (!grant.actions.includes(action)) continue;
    for (const text of grant.channels) if (fits(text, user, channel)) return true;
  }
  return false;
}

/** Whether the principal's own grants allow it this. Rule AUTH-3. */
export function permits(principal: Principal, action: Action, channel: string): boolean {
  return principal.grants !== undefined && allows(principal.grants, principal.user, action, channel);
}
