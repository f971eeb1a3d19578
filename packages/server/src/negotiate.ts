import { HoldfastError, quoted } from "@holdfast/protocol";

interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

const range = /^([^\s/;]+)\/([^\s/;]+)$/;
const quality = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

function parseRange(text: string): MediaRange | undefined {
  const [media = "", ...parameters] = text.split(";");
  const match = range.exec(media.trim());
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  let weight = 1;
  for (const parameter of parameters) {
    const [name = "", value = ""] = parameter.split("=");
    if (name.trim().toLowerCase() !== "q") continue;
    // A weight that cannot be read is no reason to refuse what was named.
    if (quality.test(value.trim())) weight = Number(value);
  }
  return { type: match[1].toLowerCase(), subtype: match[2].toLowerCase(), quality: weight };
}

function qualityOf(offer: string, ranges: readonly MediaRange[]): number {
  const [type, subtype] = offer.split("/");
  let best = 0;
  let specificity = -1;
  for (const one of ranges) {
    const exact = one.type === type && one.subtype === subtype;
    const fits = exact || (one.subtype === "*" && (one.type === type || one.type === "*"));
    const precise = exact ? 2 : one.type === "*" ? 0 : 1;
    // Who names a range twice means the more welcoming one.
    if (fits && (precise > specificity || (precise === specificity && one.quality > best))) {
      specificity = precise;
      best = one.quality;
    }
  }
  return best;
}

/**
 * The offer that an `Accept` header prefers; among equals the first. RFC 9110 §12.5.1; rule JSON-6.
 *
 * Throws `not_acceptable` when none is allowed.
 */
export function negotiate<Offer extends string>(
  accept: string | undefined,
  offers: readonly [Offer, ...Offer[]],
): Offer {
  if (accept === undefined || accept.trim() === "") return offers[0];
  const ranges = accept
    .split(",")
    .map(parseRange)
    .filter((one) => one !== undefined);
  let chosen: Offer | undefined;
  let best = 0;
  for (const offer of offers) {
    const weight = qualityOf(offer, ranges);
    if (weight > best) {
      best = weight;
      chosen = offer;
    }
  }
  if (chosen !== undefined) return chosen;
  throw new HoldfastError(
    "not_acceptable",
    `This is served as ${offers.join(" or ")}, which ${quoted(accept)} excludes.`,
  );
}
