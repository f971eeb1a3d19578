import type { Action, Gate, Principal, Session } from "@holdfast/core/server";
import { HoldfastError } from "@holdfast/protocol";
import type { AuthorityView, Change } from "./authority.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** What a node may be made to forget, on purpose. */
export type Forgotten = "expiry" | "revocations" | "permissions";

/** How long after its token has ended a session may still be given something: until deadlines are looked at. */
const sweptWithinMs = 10;

export interface GuardParts {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly view: AuthorityView;
  readonly forgets: Forgotten | undefined;
}

/** Keeps one node to what its clients may do, by what the node has been told. */
export class Guard implements Gate {
  readonly #parts: GuardParts;

  constructor(parts: GuardParts) {
    this.#parts = parts;
  }

  /** It takes a moment to look at a token. */
  async authenticate(token: string | undefined): Promise<Principal> {
    const { timeline, random, view, forgets } = this.#parts;
    await new Promise<void>((resolve) => timeline.after(random.below(5), resolve));
    const principal = view.principal(token);
    if (principal === undefined) throw new HoldfastError("unauthenticated");
    if (view.isRevoked(principal)) throw new HoldfastError("token_revoked");
    const { expiresAt = Number.POSITIVE_INFINITY, ...lasting } = principal;
    if (forgets === "expiry") return lasting;
    if (expiresAt <= timeline.now) throw new HoldfastError("token_expired");
    return principal;
  }

  authorize(principal: Principal, action: Action, channel: string): boolean {
    return action !== "read" || this.#parts.view.mayRead(principal, channel);
  }

  /** The node hears of a change, and holds its sessions to it. Rules REV-4, REV-5. */
  take(change: Change, sessions: Iterable<Session>): void {
    const { view, forgets } = this.#parts;
    view.take(change);
    for (const session of [...sessions]) {
      const { principal } = session;
      if (change.type === "revoked") {
        const isOver = forgets !== "revocations" && view.isRevoked(principal);
        if (isOver) session.revoke(new HoldfastError("token_revoked"));
      } else if (principal.user === change.user && forgets !== "permissions") {
        void session.review();
      }
    }
  }

  /** Why these bytes must not be written for a session, if they are events that are not for it. Rule AUTH-1. */
  faultOf(bytes: Uint8Array, { principal }: Session): string | undefined {
    const channel = channelOfEvents(bytes);
    if (channel === undefined) return undefined;
    const fault = this.#parts.view.faultOfDelivery(principal.tokenId, channel, sweptWithinMs);
    return fault && `was given events of ${channel}, but ${fault}`;
  }
}

/** The channel of an `events` message, in JSON or in MessagePack, where one byte or two stand between the words. */
function channelOfEvents(bytes: Uint8Array): string | undefined {
  const said = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 120)).toString("latin1");
  return /type(?:":"|.)events(?:","|.)channel(?:":"|.)(news|room:\d)/.exec(said)?.[1];
}
