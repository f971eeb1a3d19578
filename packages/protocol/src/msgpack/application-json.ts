import { quoted } from "../channel.ts";
import { HoldfastError } from "../errors.ts";
import { isRecord, parseJson } from "../json.ts";

// What applications say in JSON goes as its text, never as MessagePack of its own: numbers, repeated names, depth and
// half surrogate pairs survive, and nothing is parsed and written again on the way. Rule PACK-2.

/** A copy in which what an application said is its JSON text. */
export function withText<Name extends string>(
  fields: { readonly [name in Name]?: unknown },
  name: Name,
): Record<string, unknown> {
  return { ...fields, [name]: JSON.stringify(fields[name]) };
}

/** Puts what an application said in the place of its JSON text; throws `bad_message`, `bad_json`. */
export function takeValue(fields: Record<string, unknown>, name: string): void {
  const text = fields[name];
  if (text === undefined) return;
  if (typeof text !== "string") {
    throw new HoldfastError(
      "bad_message",
      `"${name}" is the text of a JSON value, as a str, not ${quoted(text)}.`,
    );
  }
  fields[name] = parseJson(text);
}

/** The same in each of a list. */
export function takeValues(list: unknown, name: string): void {
  if (!Array.isArray(list)) return;
  for (const fields of list) if (isRecord(fields)) takeValue(fields, name);
}
