import { type Principal, type Revocation, RevocationTable } from "@holdfast/core/server";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** What keeps an application's users from being given tokens: errors, silence, or one that remembers the last too long. */
export type TokenFault = "fails" | "hangs" | "repeats";

/** What a node may believe of a user's right to read a channel, and since which change. */
interface Right {
  readonly isAllowed: boolean;
  readonly change: number;
}

/** What changed about who may do what, as nodes are told of it. */
export type Change =
  | { readonly type: "revoked"; readonly revocation: Revocation }
  | { readonly type: "permitted"; readonly user: string; readonly channel: string; readonly right: Right };

/** The application behind this world: gives its users tokens, takes them back, and says what they may read. */
export class Authority {
  readonly #timeline: Timeline;
  readonly #tokenLifeMs: number;
  /** By token. */
  readonly #principals = new Map<string, Principal>();
  /** By user. */
  readonly #last = new Map<string, string>();
  readonly #faults = new Map<string, TokenFault>();
  readonly #revocations = new Map<string, Revocation>();
  readonly #rights = new Map<string, Extract<Change, { type: "permitted" }>>();
  /** Whose tokens were taken back, or given again after their time: nobody else is ever to be closed for a token. */
  readonly #suspects = new Set<string>();
  /** Whoever was ever not allowed to read a channel may have been refused it. */
  readonly #everLost = new Set<string>();
  #changes = 0;

  constructor(timeline: Timeline, tokenLifeMs: number) {
    this.#timeline = timeline;
    this.#tokenLifeMs = tokenLifeMs;
  }

  /** A token, as the user's application gets it; `undefined` where it fails, "never" where nothing comes of it. */
  token(user: string, random: Random): string | "never" | undefined {
    const fault = this.#faults.get(user);
    const last = this.#last.get(user);
    if (fault === "hangs") return "never";
    if (fault === "fails" || random.chance(0.05)) return undefined;
    if (fault === "repeats" && last !== undefined) {
      this.#suspects.add(user);
      return last;
    }
    const { now } = this.#timeline;
    const token = `${user}.${this.#principals.size}`;
    const expiresAt = now + this.#tokenLifeMs;
    this.#principals.set(token, { user, issuedAt: now, expiresAt, tokenId: token });
    this.#last.set(user, token);
    return token;
  }

  /** Whose a token is, and until when, whatever a node believes. */
  principal(token: string | undefined): Principal | undefined {
    return token === undefined ? undefined : this.#principals.get(token);
  }

  setFault(user: string, fault: TokenFault | undefined): void {
    if (fault === undefined) this.#faults.delete(user);
    else this.#faults.set(user, fault);
  }

  /** Takes back all tokens that a user has. */
  revoke(user: string): Change {
    const at = this.#timeline.now;
    const revocation: Revocation = { kind: "user", value: user, at, until: at + this.#tokenLifeMs + 1 };
    this.#revocations.set(user, revocation);
    this.#suspects.add(user);
    return { type: "revoked", revocation };
  }

  /** Whether a client of this user may be closed because its tokens are refused. */
  mayBeClosed(user: string): boolean {
    return this.#suspects.has(user);
  }

  permit(user: string, channel: string, isAllowed: boolean): Change {
    const right = { isAllowed, change: ++this.#changes };
    const change: Change = { type: "permitted", user, channel, right };
    this.#rights.set(keyOf(user, channel), change);
    if (!isAllowed) this.#everLost.add(keyOf(user, channel));
    return change;
  }

  mayRead(user: string, channel: string): boolean {
    return this.#rights.get(keyOf(user, channel))?.right.isAllowed !== false;
  }

  wasForbidden(user: string, channel: string): boolean {
    return this.#everLost.has(keyOf(user, channel));
  }

  /** Nothing is wrong any more, and everybody may read everything; what nodes are to be told of it. */
  heal(): readonly Change[] {
    this.#faults.clear();
    return [...this.#rights.values()].map(({ user, channel }) => this.permit(user, channel, true));
  }

  /** What a node knows that starts now: everything. */
  view(): AuthorityView {
    const view = new AuthorityView(this, this.#timeline);
    for (const revocation of this.#revocations.values()) view.take({ type: "revoked", revocation });
    for (const change of this.#rights.values()) view.take(change);
    return view;
  }
}

/** What one node has heard of the authority. */
export class AuthorityView {
  readonly #authority: Authority;
  readonly #timeline: Timeline;
  readonly #revocations = new RevocationTable();
  readonly #rights = new Map<string, Right>();
  #heard = 0;

  constructor(authority: Authority, timeline: Timeline) {
    this.#authority = authority;
    this.#timeline = timeline;
  }

  /** Changes may be heard in another order than they were made. */
  take(change: Change): void {
    if (change.type === "revoked") {
      this.#revocations.add({ ...change.revocation, cursor: { epoch: "told", offset: ++this.#heard } });
      return;
    }
    const key = keyOf(change.user, change.channel);
    const known = this.#rights.get(key);
    if (known === undefined || known.change < change.right.change) this.#rights.set(key, change.right);
  }

  principal(token: string | undefined): Principal | undefined {
    return this.#authority.principal(token);
  }

  isRevoked(principal: Principal): boolean {
    return this.#revocations.refusing(principal, this.#timeline.now) !== undefined;
  }

  mayRead({ user = "" }: Principal, channel: string): boolean {
    return this.#rights.get(keyOf(user, channel))?.isAllowed !== false;
  }

  /** Why events of a channel are not for who has this token now, if they are not; whatever the node believes of its end. */
  faultOfDelivery(tokenId: string | undefined, channel: string, expiredMsMax: number): string | undefined {
    const principal = this.#authority.principal(tokenId);
    if (principal === undefined) return `nobody knows the token ${tokenId}`;
    const expiredMs = this.#timeline.now - (principal.expiresAt ?? Number.POSITIVE_INFINITY);
    if (expiredMs > expiredMsMax) return `the token had expired ${expiredMs} ms before`;
    if (this.isRevoked(principal)) return "the token was revoked, and the node knew";
    return this.mayRead(principal, channel) ? undefined : "the right to read had ended, and the node knew";
  }
}

function keyOf(user: string, channel: string): string {
  return `${user} ${channel}`;
}
