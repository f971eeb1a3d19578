import { type Grant, isUserId, type Principal } from "@holdfast/core/server";
import { HoldfastError, isRecord } from "@holdfast/protocol";
import type { JWTPayload } from "jose";
import { readGrants } from "./grant-form.ts";

/** What a token's claims are measured by; times in ms. */
export interface ClaimLimits {
  readonly lifetimeMsMax: number;
  readonly clockToleranceMs: number;
}

/** Ids of tokens and sessions, which revocations remember. */
const idLengthMax = 256;

function refused(sentence: string): HoldfastError {
  return new HoldfastError("unauthenticated", sentence);
}

/**
 * The principal that verified claims speak of; throws `unauthenticated` with a sentence for claims that are malformed.
 * Rules AUTH-4, AUTH-5, AUTH-6.
 */
export function principalFrom(claims: JWTPayload, now: number, limits: ClaimLimits): Principal {
  const { sub, jti, sid, holdfast } = claims;
  if (sub !== undefined && !isUserId(sub)) {
    throw refused(
      'The token\'s "sub" is no user id: that is 1 to 256 characters without control characters.',
    );
  }
  return {
    ...(sub === undefined ? {} : { user: sub }),
    ...lifetimeOf(claims, now, limits),
    ...(jti === undefined ? {} : { tokenId: idOf("jti", jti) }),
    ...(sid === undefined ? {} : { session: idOf("sid", sid) }),
    grants: grantsOf(holdfast),
  };
}

/** What lives longer could outlive the memory of its revocation. */
function lifetimeOf(
  { iat, exp }: JWTPayload,
  now: number,
  { lifetimeMsMax, clockToleranceMs }: ClaimLimits,
): { issuedAt: number; expiresAt: number } {
  if (!Number.isFinite(iat) || !Number.isFinite(exp)) {
    throw refused('The token needs "iat" and "exp", the times at which it was issued and ends.');
  }
  const issuedAt = Number(iat) * 1000;
  const expiresAt = Number(exp) * 1000;
  if (issuedAt > now + clockToleranceMs) throw refused("The token was issued in the future.");
  if (expiresAt - issuedAt > lifetimeMsMax) {
    throw refused(
      `The token lives for longer than ${lifetimeMsMax / 1000} seconds (auth.tokens.lifetimeMsMax).`,
    );
  }
  return { issuedAt, expiresAt: expiresAt + clockToleranceMs };
}

function idOf(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "" && value.length <= idLengthMax) return value;
  throw refused(`The token's "${name}" must be text of 1 to ${idLengthMax} characters.`);
}

function grantsOf(claim: unknown): readonly Grant[] {
  if (claim === undefined) return [];
  const { grants = undefined, ...others } = isRecord(claim) ? claim : {};
  if (grants === undefined || Object.keys(others).length > 0) {
    throw refused('The token\'s claim "holdfast" must be {"grants":[…]}, with nothing else in it.');
  }
  return readGrants(grants, (path, message) => {
    throw refused(
      `The token's claim "holdfast" is wrong: grants${path === "" ? "" : `.${path}`} ${message}.`,
    );
  });
}
