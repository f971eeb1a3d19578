import { HoldfastError } from "@holdfast/protocol";
import {
  type CryptoKey,
  createLocalJWKSet,
  errors,
  type FlattenedJWSInput,
  type JSONWebKeySet,
  type JWSHeaderParameters,
} from "jose";
import { type Logger, thrownField } from "../log.ts";
import { callRemote, withoutQuery } from "./remote-call.ts";

/** Where the keys of an issuer are, as a JWKS (RFC 7517 §5). */
export interface RemoteKeySettings {
  readonly url: string;
  readonly deadlineMs: number;
  /** How long keys are used before they are asked for anew. */
  readonly cacheMs: number;
  /** How long nothing is asked again, whatever unknown keys tokens name, and however that ended. */
  readonly cooldownMs: number;
}

/** A set of some hundred keys. */
const bytesMax = 256 * 1024;

/** Finds a key among those that are known, as `jose` does. */
type Find = (header: JWSHeaderParameters, token: FlattenedJWSInput) => Promise<CryptoKey>;

/** The keys of an issuer that publishes them. What was known stays in use while it cannot be reached. Rule AUTH-8. */
export class RemoteKeys {
  readonly #settings: RemoteKeySettings;
  readonly #passed: () => number;
  readonly #log: Logger;
  #find: Find | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #hasFailed = false;
  #loading: Promise<void> | undefined;

  /** `passed`: ms that have passed since some moment, however the clock was set. */
  constructor(settings: RemoteKeySettings, passed: () => number, log: Logger) {
    this.#settings = settings;
    this.#passed = passed;
    this.#log = log;
  }

  /**
   * The key that a token's header names, as `jose` asks for it; rejects with `auth_unavailable` where the keys are
   * needed and cannot be had.
   */
  async keyFor(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    const isFresh = this.#age >= this.#settings.cacheMs && (await this.#load());
    try {
      return await this.#found(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      if (isFresh) throw error;
      if (await this.#load()) return await this.#found(header, token);
      if (this.#hasFailed) throw this.#unavailable();
      // A key of that name may have been published since: whoever has a token of it must not be signed out.
      throw header.kid === undefined ? error : this.#unavailable(this.#cooldownLeft);
    }
  }

  get #cooldownLeft(): number {
    return Math.max(1, this.#triedAt + this.#settings.cooldownMs - this.#passed());
  }

  async #found(header: JWSHeaderParameters, token: FlattenedJWSInput): Promise<CryptoKey> {
    const find = this.#find;
    if (find === undefined) throw this.#unavailable();
    return await find(header, token);
  }

  get #age(): number {
    return this.#passed() - this.#fetchedAt;
  }

  /** Asks for the keys, unless that was done a moment ago; returns whether they are as of now. Never rejects. */
  async #load(): Promise<boolean> {
    if (this.#loading === undefined) {
      if (this.#triedAt + this.#settings.cooldownMs > this.#passed()) return false;
      this.#triedAt = this.#passed();
      this.#loading = this.#fetch().finally(() => (this.#loading = undefined));
    }
    await this.#loading;
    return !this.#hasFailed;
  }

  async #fetch(): Promise<void> {
    const { url, deadlineMs } = this.#settings;
    try {
      const { status, json } = await callRemote({ url, deadlineMs, bytesMax });
      if (status !== 200) throw new Error(`It was answered with the status ${status}.`);
      this.#find = createLocalJWKSet(json as JSONWebKeySet);
      this.#fetchedAt = this.#passed();
      this.#hasFailed = false;
    } catch (error) {
      this.#hasFailed = true;
      const message = "The keys that tokens are checked with could not be fetched.";
      this.#log({ level: "warn", message, url: withoutQuery(url), error: thrownField(error) });
    }
  }

  #unavailable(retryAfterMs?: number): HoldfastError {
    return new HoldfastError(
      "auth_unavailable",
      "The keys that tokens are checked with cannot be fetched right now. Come back later with the same token.",
      retryAfterMs === undefined ? {} : { retryAfterMs },
    );
  }
}
