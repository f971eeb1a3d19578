import { HoldfastError, quoted } from "@holdfast/protocol";

/** Content codings that are spoken here, the better one first. RFC 1952, RFC 8878. */
export const codings = ["zstd", "gzip"] as const;
export type Coding = (typeof codings)[number];

/** What a client takes, from the one it likes best on. */
export interface Acceptance {
  readonly coding: Coding | undefined;
  /** Whether it takes what is not coded. */
  readonly takesIdentity: boolean;
}

const weight = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/** The weights of an `Accept-Encoding`, by coding; who names one twice means the more welcoming one. */
function weightsOf(acceptEncoding: string): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const element of acceptEncoding.split(",")) {
    const [name = "", ...parameters] = element.split(";").map((part) => part.trim().toLowerCase());
    const coding = name === "x-gzip" ? "gzip" : name;
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    // A weight that cannot be read is no reason to refuse what was named.
    const value = quality !== undefined && weight.test(quality) ? Number(quality) : 1;
    weights.set(coding, Math.max(value, weights.get(coding) ?? 0));
  }
  return weights;
}

/**
 * What an `Accept-Encoding` asks for; without one nothing is coded. RFC 9110 §12.5.3; rule ZIP-8.
 *
 * Throws `not_acceptable` when it takes neither a coding of ours nor none.
 */
export function readAcceptEncoding(acceptEncoding: string | undefined): Acceptance {
  if (acceptEncoding === undefined || acceptEncoding.trim() === "") {
    return { coding: undefined, takesIdentity: true };
  }
  const weights = weightsOf(acceptEncoding);
  const other = weights.get("*");
  const identity = weights.get("identity");
  const takesIdentity = (identity ?? other) !== 0;
  let coding: Coding | undefined;
  // Where it is not named it is what is left, and anything that is named comes before it.
  let best = identity ?? 0;
  for (const one of codings) {
    const value = weights.get(one) ?? other ?? 0;
    if (value > best || (value === best && value > 0 && coding === undefined)) {
      best = value;
      coding = one;
    }
  }
  if (coding === undefined && !takesIdentity) {
    throw new HoldfastError(
      "not_acceptable",
      `This is served as ${codings.join(", ")} or identity, which ${quoted(acceptEncoding)} excludes.`,
    );
  }
  return { coding, takesIdentity };
}
