import type { Clock, Principal } from "@holdfast/core/server";
import { HoldfastError } from "@holdfast/protocol";
import { decodeProtectedHeader, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from "jose";
import { type ClaimLimits, principalFrom } from "./claims.ts";
import type { RemoteKeys } from "./remote-keys.ts";
import type { Algorithm, VerificationKey } from "./token-keys.ts";

/** Which tokens are taken. */
export interface TokenSettings extends ClaimLimits {
  readonly keys: readonly VerificationKey[];
  /** Empty: whoever issued it. */
  readonly issuers: readonly string[];
  /** Empty: whoever it is for. Undefined: only what names no audience. */
  readonly audiences: readonly string[] | undefined;
}

/** What may sign where the keys are fetched: nothing that is signed with a secret, since those keys are public. */
const remoteAlgorithms: readonly Algorithm[] = ["RS256", "ES256", "EdDSA"];

function refused(sentence: string): HoldfastError {
  return new HoldfastError("unauthenticated", sentence);
}

/** Whether a credential looks like a JWT. RFC 7515 §7.1. */
export function isJwt(token: string): boolean {
  return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(token);
}

/** Checks JWTs, and says who they speak of. Rules AUTH-5 to AUTH-8. */
export class Tokens {
  readonly #settings: TokenSettings;
  readonly #clock: Clock;
  readonly #remote: RemoteKeys | undefined;
  readonly #algorithms: ReadonlySet<string>;

  constructor(settings: TokenSettings, clock: Clock, remote: RemoteKeys | undefined) {
    this.#settings = settings;
    this.#clock = clock;
    this.#remote = remote;
    this.#algorithms = new Set([
      ...settings.keys.map(({ algorithm }) => algorithm),
      ...(remote === undefined ? [] : remoteAlgorithms),
    ]);
  }

  /** Rejects with `unauthenticated`, `token_expired` or `auth_unavailable`. What it says never repeats the token. */
  async principalOf(token: string): Promise<Principal> {
    const { algorithm, kid } = this.#headerOf(token);
    const claims = await this.#verified(token, algorithm, kid);
    if (this.#settings.audiences === undefined && claims.aud !== undefined) {
      throw refused("The token is for an audience, and this server was told of none (auth.tokens.audience).");
    }
    return principalFrom(claims, this.#clock.now(), this.#settings);
  }

  #headerOf(token: string): { algorithm: string; kid: string | undefined } {
    let header: { alg?: unknown; kid?: unknown };
    try {
      header = decodeProtectedHeader(token);
    } catch {
      throw refused("The token is no JWT.");
    }
    const { alg, kid } = header;
    if (typeof alg !== "string" || !this.#algorithms.has(alg)) {
      const known = [...this.#algorithms].join(", ");
      throw refused(`The token must be signed with ${known}: this server has keys for nothing else.`);
    }
    return { algorithm: alg, kid: typeof kid === "string" ? kid : undefined };
  }

  async #verified(token: string, algorithm: string, kid: string | undefined): Promise<JWTPayload> {
    for (const { key } of this.#keysFor(algorithm, kid)) {
      const claims = await this.#tryKey(token, key, algorithm);
      if (claims !== undefined) return claims;
    }
    const claims = algorithm === "HS256" ? undefined : await this.#tryRemote(token, algorithm);
    if (claims === undefined) throw refused("The token was signed with no key that this server knows.");
    return claims;
  }

  /** The keys that `kid` names; else all of the algorithm that have no name of their own, or that nothing was named for. */
  #keysFor(algorithm: string, kid: string | undefined): readonly VerificationKey[] {
    const fitting = this.#settings.keys.filter((key) => key.algorithm === algorithm);
    if (kid === undefined) return fitting;
    const named = fitting.filter((key) => key.kid === kid);
    return named.length > 0 ? named : fitting.filter((key) => key.kid === undefined);
  }

  /** The claims, or undefined where another key has signed them. */
  async #tryKey(
    token: string,
    key: Parameters<typeof jwtVerify>[1],
    algorithm: string,
  ): Promise<JWTPayload | undefined> {
    try {
      return (await jwtVerify(token, key, this.#optionsFor(algorithm))).payload;
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      throw outcomeOf(error);
    }
  }

  async #tryRemote(token: string, algorithm: string): Promise<JWTPayload | undefined> {
    const remote = this.#remote;
    if (remote === undefined) return undefined;
    try {
      const verified = await jwtVerify(
        token,
        (header, jws) => remote.keyFor(header, jws),
        this.#optionsFor(algorithm),
      );
      return verified.payload;
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys)
        return await this.#tryEach(token, algorithm, error);
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      if (error instanceof errors.JWSSignatureVerificationFailed) return undefined;
      throw outcomeOf(error);
    }
  }

  /** Without a `kid` several may fit: while keys are rotated, for example. */
  async #tryEach(
    token: string,
    algorithm: string,
    keys: InstanceType<typeof errors.JWKSMultipleMatchingKeys>,
  ): Promise<JWTPayload | undefined> {
    for await (const key of keys) {
      const claims = await this.#tryKey(token, key, algorithm);
      if (claims !== undefined) return claims;
    }
    return undefined;
  }

  #optionsFor(algorithm: string): JWTVerifyOptions {
    const { issuers, audiences = [], clockToleranceMs } = this.#settings;
    return {
      algorithms: [algorithm],
      currentDate: new Date(this.#clock.now()),
      clockTolerance: clockToleranceMs / 1000,
      ...(issuers.length === 0 ? {} : { issuer: [...issuers] }),
      ...(audiences.length === 0 ? {} : { audience: [...audiences] }),
    };
  }
}

/** What `jose` found, in the words of the wire; what it did not foresee is no fault of the token. */
function outcomeOf(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new HoldfastError("token_expired", "The token has expired.");
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason } = error;
    if (reason === "missing") return refused(`The token has no "${claim}", which is needed here.`);
    if (claim === "nbf" && reason === "check_failed") return refused("The token is not valid yet.");
    if (claim === "aud") return refused("The token is for another audience.");
    if (claim === "iss") return refused("The token is from another issuer.");
    return refused(`The token's "${claim}" is malformed.`);
  }
  if (error instanceof errors.JOSEError) return refused("The token is malformed.");
  return error;
}
