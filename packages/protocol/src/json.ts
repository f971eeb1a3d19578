import { quoted } from "./channel.ts";
import { HoldfastError } from "./errors.ts";

/** Parses JSON; throws `bad_json`. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError("bad_json", `This is not JSON: ${quoted(text)}.`, { cause });
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// What follows finds values in JSON text that JSON.parse has accepted, so that they can be carried as they were
// written: parsed and serialised again, 12345678901234567890 would be 12345678901234567000.
// None of it recurses into values: text of one megabyte can nest half a million deep. Each loop ends with the text.

const scalar = /[^,\]} \t\r\n]*/y;

function scalarEnd(text: string, start: number): number {
  scalar.lastIndex = start;
  scalar.test(text);
  return scalar.lastIndex;
}

/** Of the characters up to the space, valid JSON has between tokens only those that mean nothing. */
function skipSpace(text: string, start: number): number {
  let at = start;
  while (text.charCodeAt(at) <= 0x20) at++;
  return at;
}

/** Where the first value of `text` begins. */
export function valueStart(text: string): number {
  return skipSpace(text, 0);
}

/** Where the value that begins at `start` ends. */
export function valueEnd(text: string, start: number): number {
  const opening = text[start];
  // Past the end a sticky search would begin again at the start.
  if (opening === undefined) throw cutShort();
  if (opening === '"') return stringEnd(text, start);
  if (opening !== "{" && opening !== "[") return scalarEnd(text, start);
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = stringEnd(text, at) - 1;
    else if (char === "{" || char === "[") depth++;
    else if ((char === "}" || char === "]") && --depth === 0) return at + 1;
  }
  throw cutShort();
}

/** Where the string that begins at `start` ends. */
export function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
  throw cutShort();
}

function cutShort(): HoldfastError {
  return new HoldfastError("bad_json", "The text ends inside a JSON value.");
}

function nameAt(text: string, start: number, end: number): string {
  const plain = text.slice(start + 1, end - 1);
  return plain.includes("\\") ? (JSON.parse(text.slice(start, end)) as string) : plain;
}

/**
 * Visits each member of the object that begins at `start`, repeated names included; answers where the object ends.
 * `visit` is told where the member's value begins, and answers where it ends.
 */
export function visitMembers(
  text: string,
  start: number,
  visit: (name: string, start: number) => number,
): number {
  let at = skipSpace(text, start + 1);
  while (text[at] !== "}") {
    const nameEnd = stringEnd(text, at);
    const name = nameAt(text, at, nameEnd);
    const colon = skipSpace(text, nameEnd);
    at = skipSpace(text, visit(name, skipSpace(text, colon + 1)));
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return at + 1;
}

/** Visits each element of the array that begins at `start`; answers where the array ends. */
export function visitElements(text: string, start: number, visit: (start: number) => number): number {
  let at = skipSpace(text, start + 1);
  while (text[at] !== "]") {
    if (at >= text.length) throw cutShort();
    at = skipSpace(text, visit(at));
    if (text[at] === ",") at = skipSpace(text, at + 1);
  }
  return at + 1;
}

/** The text of the member `name` of the object that begins at `start`, the last if it is repeated, and where the object ends. */
export function findMember(
  text: string,
  start: number,
  name: string,
): { text: string | undefined; end: number } {
  let found: string | undefined;
  const end = visitMembers(text, start, (member, at) => {
    const memberEnd = valueEnd(text, at);
    if (member === name) found = text.slice(at, memberEnd);
    return memberEnd;
  });
  return { text: found, end };
}
