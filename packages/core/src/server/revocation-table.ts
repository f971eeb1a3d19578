import type { Cursor } from "@holdfast/protocol";
import type { Principal } from "./principal.ts";

/** What a revocation is about: all that a user had, one token, or one session of the application or of a connection. */
export type RevocationKind = "user" | "token" | "session";

export const revocationKinds: readonly RevocationKind[] = ["user", "token", "session"];

/** What was revoked. Times are ms since 1970. */
export interface Revocation {
  readonly kind: RevocationKind;
  /** The user id; the token's id (`jti`); or the session's, be it the claim `sid` or a connection's id. */
  readonly value: string;
  /** What was issued up to then is refused. */
  readonly at: number;
  /** From when on everything it refuses would have expired anyhow. */
  readonly until: number;
}

/** A revocation with its place in the log. */
export interface KnownRevocation extends Revocation {
  readonly cursor: Cursor;
}

/** The revocations that a node knows of. Rules REV-2, REV-3. */
export class RevocationTable {
  /** Each in the order of the log. */
  readonly #known: Readonly<Record<RevocationKind, Map<string, KnownRevocation>>> = {
    user: new Map(),
    token: new Map(),
    session: new Map(),
  };

  /** The log that was read last. */
  #epoch: string | undefined;

  get size(): number {
    const { user, token, session } = this.#known;
    return user.size + token.size + session.size;
  }

  get(kind: RevocationKind, value: string): KnownRevocation | undefined {
    return this.#known[kind].get(value);
  }

  /** Takes what the log says; what was said of the same before holds on where it reaches further. */
  add(said: KnownRevocation): void {
    const known = this.#known[said.kind];
    this.#epoch = said.cursor.epoch;
    const before = known.get(said.value);
    // At the end, so that each map stays in the order of the log.
    known.delete(said.value);
    known.set(said.value, {
      ...said,
      at: Math.max(said.at, before?.at ?? 0),
      until: Math.max(said.until, before?.until ?? 0),
    });
  }

  /** Forgets what no token could need any more. O(size). */
  expire(now: number): void {
    for (const known of Object.values(this.#known)) {
      for (const [value, { until }] of known) if (until <= now) known.delete(value);
    }
  }

  /** What refuses a principal, if anything does; `connection` is the id of the connection it came on. O(1). */
  refusing(principal: Principal, now: number, connection?: string): KnownRevocation | undefined {
    const { user, token, session } = this.#known;
    if (user.size + token.size + session.size === 0) return undefined;
    return (
      current(named(token, principal.tokenId), now) ??
      current(issuedBefore(named(user, principal.user), principal), now) ??
      current(issuedBefore(named(session, principal.session), principal), now) ??
      current(named(session, connection), now)
    );
  }

  /** Those behind a place in the log, in its order; first those that only a log before it has said. */
  after(cursor: Cursor | undefined, countMax: number): readonly KnownRevocation[] {
    return revocationKinds
      .flatMap((kind) => this.#ofKindAfter(kind, cursor, countMax))
      .sort((one, other) => this.#rank(one) - this.#rank(other) || one.cursor.offset - other.cursor.offset)
      .slice(0, countMax);
  }

  #ofKindAfter(kind: RevocationKind, cursor: Cursor | undefined, countMax: number): KnownRevocation[] {
    const found: KnownRevocation[] = [];
    for (const one of this.#known[kind].values()) {
      if (found.length === countMax) break;
      const { epoch, offset } = one.cursor;
      const isBehind =
        cursor === undefined || (epoch === cursor.epoch ? offset > cursor.offset : epoch === this.#epoch);
      if (isBehind) found.push(one);
    }
    return found;
  }

  #rank({ cursor: { epoch } }: KnownRevocation): number {
    return epoch === this.#epoch ? 1 : 0;
  }

  /** Those that the log of an epoch has not said. */
  notIn(epoch: string): readonly KnownRevocation[] {
    const all = revocationKinds.flatMap((kind) => [...this.#known[kind].values()]);
    return all.filter(({ cursor }) => cursor.epoch !== epoch);
  }
}

function named(
  known: ReadonlyMap<string, KnownRevocation>,
  value: string | undefined,
): KnownRevocation | undefined {
  return value === undefined ? undefined : known.get(value);
}

/** A token that does not say when it was issued counts as one from before. */
function issuedBefore(
  known: KnownRevocation | undefined,
  { issuedAt }: Principal,
): KnownRevocation | undefined {
  return known !== undefined && (issuedAt === undefined || issuedAt <= known.at) ? known : undefined;
}

function current(known: KnownRevocation | undefined, now: number): KnownRevocation | undefined {
  return known !== undefined && now < known.until ? known : undefined;
}
