import { randomBytes, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { HoldfastError, isRecord } from "@holdfast/protocol";
import type { Holdfast, HoldfastOptions } from "@holdfast/server";
import { jwtVerify, SignJWT } from "jose";
import { isOwnHost } from "../own-host.ts";
import { anonymous, grants } from "./grants.ts";
import { drawUser } from "./names.ts";

const algorithm = "HS256";
const audience = "holdfast-demo";
/** Sessions that were ended are remembered, the newest of them. */
const endedMax = 10_000;
const cookieAgeSeconds = 30 * 86_400;

/** How a node tells who is there. */
export type Access = Pick<HoldfastOptions, "auth" | "authenticate">;

/** One tab of one visitor. */
export interface Session {
  readonly user: string;
  readonly id: string;
}

/** What the page is given to go on. */
export interface Pass {
  readonly user: string;
  readonly token: string;
  readonly lifeMs: number;
}

/**
 * Knows visitors by a cookie and gives them tokens, as an application does that has users. Both secrets are drawn at the
 * start, so that nothing has to be configured: a demo that is started anew knows nobody.
 */
export class Visitors {
  readonly #tokenKey = randomBytes(32);
  readonly #cookieKey = randomBytes(32);
  readonly #cookieName: string;
  readonly #lifeSeconds: number;
  readonly #ended = new Set<string>();

  /** Cookies do not tell ports apart, so their name does. */
  constructor(port: number, lifeSeconds: number) {
    this.#cookieName = `visitor-${port}`;
    this.#lifeSeconds = lifeSeconds;
  }

  /** What every node needs to know. */
  get access(): Access {
    const keys = [{ secret: this.#tokenKey }];
    // A revocation is remembered for as long as any token could live.
    const lifetimeMsMax = (this.#lifeSeconds + 1) * 1000;
    // #region check
    return {
      auth: { tokens: { keys, audience, lifetimeMsMax, clockToleranceMs: 0 } },
      // Without a token: who asks on this machine reads a little.
      authenticate: (token, { headers }) =>
        token === undefined && isOwnHost(String(headers.host)) ? { grants: anonymous } : null,
    };
    // #endregion
  }

  /** The visitor whose cookie this is, if that is one of ours. */
  async userOf({ headers }: IncomingMessage): Promise<string | undefined> {
    const prefix = `${this.#cookieName}=`;
    const cookie = headers.cookie?.split("; ").find((one) => one.startsWith(prefix));
    if (cookie === undefined) return undefined;
    const verified = await jwtVerify(cookie.slice(prefix.length), this.#cookieKey, {
      algorithms: [algorithm],
    }).catch(() => undefined);
    return verified?.payload.sub;
  }

  /** A new visitor, and the cookie by which it is known from now on. */
  async welcome(): Promise<{ readonly user: string; readonly cookie: string }> {
    const user = drawUser();
    const signed = await new SignJWT()
      .setProtectedHeader({ alg: algorithm })
      .setSubject(user)
      .sign(this.#cookieKey);
    // Only for what asks for tokens: the nodes never see it.
    const attributes = `Path=/demo; Max-Age=${cookieAgeSeconds}; HttpOnly; SameSite=Strict`;
    return { user, cookie: `${this.#cookieName}=${signed}; ${attributes}` };
  }

  /** Throws `token_revoked` for a session that was ended. */
  async pass({ user, id }: Session): Promise<Pass> {
    if (this.#ended.has(id)) throw new HoldfastError("token_revoked", "This tab was signed out.");
    const token = await this.#sign({ user, id });
    return { user, token, lifeMs: this.#lifeSeconds * 1000 };
  }

  async #sign({ user, id }: Session): Promise<string> {
    const now = Date.now() / 1000;
    // #region sign
    return await new SignJWT({ sid: id, holdfast: { grants } })
      .setProtectedHeader({ alg: "HS256" })
      .setAudience(audience)
      .setSubject(user)
      .setJti(randomUUID())
      .setIssuedAt(now)
      .setExpirationTime(now + this.#lifeSeconds)
      .sign(this.#tokenKey);
    // #endregion
  }

  /** Ends a session: it gets no token any more, and those that it has are taken back. */
  async revoke({ id: session }: Session, holdfast: Holdfast): Promise<void> {
    this.#ended.add(session);
    const [oldest] = this.#ended;
    if (this.#ended.size > endedMax && oldest !== undefined) this.#ended.delete(oldest);
    // #region revoke
    // On every node, within a second.
    await holdfast.revoke({ session });
    // #endregion
  }
}

/** The session that a page asks for; throws `bad_parameter`. */
export function readSession(user: string, body: unknown): Session {
  const tab = isRecord(body) ? body.tab : undefined;
  if (typeof tab !== "string" || !/^[0-9a-f]{32}$/.test(tab)) {
    throw new HoldfastError("bad_parameter", '"tab" is 32 hexadecimal digits that the page has drawn.');
  }
  // Nobody ends the session of somebody else.
  return { user, id: `${user}.${tab}` };
}
