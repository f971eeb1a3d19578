import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { type Grant, isUserId, type Principal } from "@holdfast/core/server";
import { HoldfastError } from "@holdfast/protocol";
import { ConfigurationError } from "../configuration-error.ts";
import { type GrantForm, readGrants } from "./grant-form.ts";

/** What a server of the application is known by, as the configuration has it. */
export interface ApiKey {
  /** Names it: 1 to 40 of A-Z a-z 0-9 . -; it is a part of the key. */
  readonly id: string;
  /** `sha256:` and the SHA-256 of the key in hex, as `holdfast key` prints it. */
  readonly hash: string;
  /** Whose name its events carry. */
  readonly user?: string;
  readonly grants: readonly GrantForm[];
}

/** What keys begin with, so that scanners for leaked secrets, and people, recognize them. */
const prefix = "hfk_";
const form = /^hfk_([A-Za-z0-9.-]{1,40})_[A-Za-z0-9_-]{43}$/;
const hashForm = /^sha256:[0-9a-f]{64}$/;

/** Whether a credential is meant as an API key. */
export function isApiKey(token: string): boolean {
  return token.startsWith(prefix);
}

/**
 * Keys are 32 random bytes: nobody finds them by trial, however fast a hash is, so a slow one would only cost the server
 * its time on each request.
 */
function hashOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}

/** A new key, and the entry by which the configuration knows it. */
export interface NewApiKey {
  /** Its owner's alone: nothing else has it. */
  readonly key: string;
  readonly entry: ApiKey;
}

/** Draws a key. Throws a `ConfigurationError` for an id, a user or grants that are none. */
export function createApiKey(about: Omit<ApiKey, "hash">): NewApiKey {
  const key = `${prefix}${about.id}_${randomBytes(32).toString("base64url")}`;
  const { id, ...rest } = about;
  const entry = { id, hash: `sha256:${hashOf(key).toString("hex")}`, ...rest };
  const mistakes: string[] = [];
  readApiKeys([entry], (path, message) => mistakes.push(`The key's ${path.slice("0.".length)} ${message}.`));
  if (mistakes.length > 0) throw new ConfigurationError(mistakes);
  return { key, entry };
}

/** An API key that is ready. */
export interface KnownKey {
  readonly id: string;
  readonly hash: Buffer;
  readonly principal: Principal;
}

/** Reads configured keys; what is wrong is told to `refuse` with the place, as in `0.hash`. */
export function readApiKeys(
  keys: readonly ApiKey[],
  refuse: (path: string, message: string) => void,
): readonly KnownKey[] {
  const ids = new Set<string>();
  return keys.map(({ id, hash, user, grants: given }, index) => {
    if (!form.test(`${prefix}${id}_${"A".repeat(43)}`)) {
      refuse(`${index}.id`, "must be 1 to 40 of A-Z a-z 0-9 . -");
    } else if (ids.has(id)) refuse(`${index}.id`, "is the id of another key as well");
    ids.add(id);
    if (!hashForm.test(hash)) {
      refuse(
        `${index}.hash`,
        'must be the line that "holdfast key" prints: sha256: and 64 digits, not the key',
      );
    }
    if (user !== undefined && !isUserId(user)) {
      refuse(`${index}.user`, "must be 1 to 256 characters without control characters");
    }
    const grants: readonly Grant[] = readGrants(given, (path, message) =>
      refuse(`${index}.grants${path === "" ? "" : `.${path}`}`, message),
    );
    const principal = { ...(user === undefined ? {} : { user }), tokenId: `key:${id}`, grants };
    return { id, hash: Buffer.from(hash.slice("sha256:".length), "hex"), principal };
  });
}

/** Knows the application's servers by their keys. Rule AUTH-9. */
export class ApiKeys {
  readonly #known: ReadonlyMap<string, KnownKey>;

  constructor(keys: readonly KnownKey[]) {
    this.#known = new Map(keys.map((key) => [key.id, key]));
  }

  /** Throws `unauthenticated` for a key that is not known. */
  principalOf(token: string): Principal {
    const id = form.exec(token)?.[1];
    const known = id === undefined ? undefined : this.#known.get(id);
    const hash = hashOf(token);
    // Compared even where there is nothing to compare with: which ids exist is nobody's business.
    const fits = timingSafeEqual(hash, known?.hash ?? noHash);
    if (known !== undefined && fits) return known.principal;
    throw new HoldfastError("unauthenticated", "The API key is not valid.");
  }
}

const noHash = Buffer.alloc(32);
