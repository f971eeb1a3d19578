import { HoldfastError, type Limits, parseStart, quoted, type Start } from "@holdfast/protocol";

/** The parameters of a request, each known and given once. */
export type Parameters<Name extends string> = { readonly [name in Name]?: string };

/** Decodes one part of a query; throws `bad_request` for an escape that is none. */
function decode(text: string): string {
  if (!/[%+]/.test(text)) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new HoldfastError("bad_request", `The query has a broken percent-encoding near ${quoted(text)}.`);
  }
}

/** The pairs of a query string, decoded, in their order; throws `bad_request`. */
export function splitQuery(query: string): [name: string, value: string][] {
  const pairs: [string, string][] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const split = pair.indexOf("=");
    const name = split === -1 ? pair : pair.slice(0, split);
    pairs.push([decode(name), split === -1 ? "" : decode(pair.slice(split + 1))]);
  }
  return pairs;
}

/** Reads a query in which each of `names` may occur once; throws `bad_request` or `bad_parameter`. Rule JSON-5. */
export function parseParameters<Name extends string>(
  query: string,
  names: readonly Name[],
): Parameters<Name> {
  const found: { [name in Name]?: string } = {};
  for (const [name, value] of splitQuery(query)) {
    if (!isOneOf(name, names)) throw unknownParameter(name, names);
    if (found[name] !== undefined) {
      throw new HoldfastError("bad_parameter", `"${name}" is given more than once.`);
    }
    found[name] = value;
  }
  return found;
}

export function unknownParameter(name: string, names: readonly string[]): HoldfastError {
  const known = names.length === 0 ? "none here" : names.join(", ");
  return new HoldfastError("bad_parameter", `There is no parameter ${quoted(name)}; known are: ${known}.`);
}

function isOneOf<Name extends string>(name: string, names: readonly Name[]): name is Name {
  return (names as readonly string[]).includes(name);
}

/** Reads a whole number from `min` to `max`; throws `bad_parameter`. */
export function wholeNumber(
  name: string,
  text: string,
  min: number,
  max: number,
  limit?: keyof Limits,
): number {
  const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new HoldfastError(
    "bad_parameter",
    `"${name}" is a whole number from ${min} to ${max}, not ${quoted(text)}.`,
    value > max && limit !== undefined ? { limit } : {},
  );
}

/** Reads a number of seconds, at most three decimals, as milliseconds; throws `bad_parameter`. */
export function seconds(name: string, text: string, msMax: number, limit?: keyof Limits): number {
  const value = /^[0-9]{1,6}(?:\.[0-9]{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : Number.NaN;
  if (value <= msMax) return value;
  throw new HoldfastError(
    "bad_parameter",
    `"${name}" is 0 to ${msMax / 1000} seconds, not ${quoted(text)}.`,
    value > msMax && limit !== undefined ? { limit } : {},
  );
}

/** Reads `after` and `last` of a query; throws `bad_cursor` or `bad_parameter`. Rule READ-2. */
export function startOf(parameters: Parameters<"after" | "last">): Start {
  const { after, last } = parameters;
  return parseStart(
    after,
    last === undefined ? undefined : wholeNumber("last", last, 0, Number.MAX_SAFE_INTEGER),
  );
}
