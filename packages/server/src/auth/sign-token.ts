import { createSecretKey, randomUUID } from "node:crypto";
import { type Grant, isUserId } from "@holdfast/core/server";
import { SignJWT } from "jose";
import { ConfigurationError } from "../configuration-error.ts";
import { type GrantForm, readGrants } from "./grant-form.ts";
import { readTokenKeys } from "./token-keys.ts";

/** What a token is to say, and the secret that it is signed with. */
export interface TokenContents {
  /** The same as the server's, under `auth.tokens.keys`. */
  readonly secret: string | Uint8Array;
  /** The secret's name, where the server has several. */
  readonly kid?: string;
  /** The claim `sub`; a token without it is nobody's, and still has its grants. */
  readonly user?: string;
  readonly grants?: readonly GrantForm[];
  /** How long it is valid, in ms, to the second; 900,000 unless given. */
  readonly lifetimeMs?: number;
  /** The application's own session with its user, the claim `sid`, by which all its tokens can be revoked at once. */
  readonly session?: string;
  readonly issuer?: string;
  readonly audience?: string;
}

/**
 * Signs a token with HS256, with an id of its own by which it can be revoked. Rejects with a `ConfigurationError` for
 * contents that a server would refuse. Rules AUTH-3 to AUTH-6.
 *
 * Any library for JWTs does as well.
 */
export async function signToken(contents: TokenContents): Promise<string> {
  const { user, lifetimeMs = 900_000, session, issuer, audience, kid } = contents;
  const mistakes: string[] = [];
  const [key] = readTokenKeys([{ secret: contents.secret }], (_, message) =>
    mistakes.push(`The secret ${message}.`),
  );
  if (user !== undefined && !isUserId(user)) {
    mistakes.push("A user id is 1 to 256 characters without control characters.");
  }
  const grants: readonly Grant[] = readGrants(contents.grants ?? [], (path, message) =>
    mistakes.push(`The token's grants${path === "" ? "" : `.${path}`} ${message}.`),
  );
  const seconds = Math.floor(lifetimeMs / 1000);
  if (!(seconds >= 1)) mistakes.push("A token is valid for at least a second.");
  if (key === undefined || mistakes.length > 0) throw new ConfigurationError(mistakes);
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    ...(issuer === undefined ? {} : { iss: issuer }),
    ...(audience === undefined ? {} : { aud: audience }),
    ...(user === undefined ? {} : { sub: user }),
    iat: now,
    exp: now + seconds,
    jti: randomUUID(),
    ...(session === undefined ? {} : { sid: session }),
    holdfast: { grants },
  };
  const bytes = typeof contents.secret === "string" ? Buffer.from(contents.secret) : contents.secret;
  const header = { alg: key.algorithm, typ: "JWT", ...(kid === undefined ? {} : { kid }) };
  return await new SignJWT(claims).setProtectedHeader(header).sign(createSecretKey(bytes));
}
