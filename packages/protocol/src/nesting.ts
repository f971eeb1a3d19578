import { HoldfastError } from "./errors.ts";
import { stringEnd } from "./json.ts";

/**
 * How deep arrays and objects may lie in each other in what one application says to another: a parser that stops at 64,
 * as some do by default, still has 8 for the messages around it. Rule EVT-4.
 */
export const nestingMax = 56;

/** Throws `bad_event` where JSON text, which is taken as valid, nests deeper than that: repeated names and all. Rule EVT-4. */
export function checkTextNesting(text: string): void {
  // Each level takes two characters at least.
  if (text.length <= 2 * nestingMax) return;
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = stringEnd(text, at) - 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > nestingMax) throw tooDeep();
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
    }
  }
}

/** The same for a value that was parsed from JSON, and will be serialised again. Throws `bad_event`. Rule EVT-4. */
export function checkValueNesting(value: unknown): void {
  if (isDeeper(value, nestingMax)) throw tooDeep();
}

/** It recurses no deeper than `levels`. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  for (const member of Object.values(value)) if (isDeeper(member, levels - 1)) return true;
  return false;
}

function tooDeep(): HoldfastError {
  return new HoldfastError(
    "bad_event",
    `JSON nests at most ${nestingMax} deep here, since some parsers take no more. What is deeper may go as text.`,
  );
}
