import type { Principal } from "@holdfast/core/server";
import type { HoldfastError } from "@holdfast/protocol";
import type { Link, Waiter } from "../attendance.ts";
import { lookAtAll, turn } from "../calm/in-turn.ts";
import { thrownField } from "../log.ts";
import type { Node } from "../node.ts";

export interface EnforcementHost {
  readonly node: Node;
  /** Why somebody may not be here any more; undefined for who may. */
  refusalOf(principal: Principal, connection?: string): HoldfastError | undefined;
  /** A connection was ended for that. */
  ended(principal: Principal, connection: string): void;
}

/** What a walk over the connections looks for. */
interface Errand {
  isRevocation: boolean;
  readonly users: Set<string>;
  isForAll: boolean;
}

function noErrand(): Errand {
  return { isRevocation: false, users: new Set(), isForAll: false };
}

/**
 * Brings to open connections what was revoked or changed. Rules REV-4, REV-5.
 *
 * They are walked, and all that was said until a walk begins needs one walk: an index of them by user, token and session
 * would cost every connection memory for what seldom happens, and each look is a few lookups.
 */
export class Enforcement {
  readonly #host: EnforcementHost;
  #errand = noErrand();
  #isWalking = false;

  constructor(host: EnforcementHost) {
    this.#host = host;
  }

  /** Something was revoked. */
  revoked(): void {
    this.#errand.isRevocation = true;
    this.#begin();
  }

  /** A user may do other things than before; without one, everybody might. */
  changed(user?: string): void {
    if (user === undefined) this.#errand.isForAll = true;
    else this.#errand.users.add(user);
    this.#begin();
  }

  #begin(): void {
    if (this.#isWalking) return;
    this.#isWalking = true;
    void this.#walk();
  }

  async #walk(): Promise<void> {
    // In a turn of its own: who was let in just before has become somebody by then.
    await turn();
    for (let errand = this.#take(); errand !== undefined; errand = this.#take()) {
      const { links, waiters } = this.#host.node.attendance;
      const current = errand;
      // What is held on after a look is held anew, and would be met again and again.
      await lookAtAll(links, (link) => this.#guard(() => this.#lookAtLink(current, link)));
      await lookAtAll(waiters, (waiter) => this.#guard(() => this.#lookAtWaiter(current, waiter)));
    }
    this.#isWalking = false;
  }

  /** One that fails must not save the others. */
  #guard(look: () => void): void {
    try {
      look();
    } catch (error) {
      const { log } = this.#host.node;
      log({ level: "error", message: "A connection could not be looked at.", error: thrownField(error) });
    }
  }

  #take(): Errand | undefined {
    const errand = this.#errand;
    if (!errand.isRevocation && !errand.isForAll && errand.users.size === 0) return undefined;
    this.#errand = noErrand();
    return errand;
  }

  #lookAtLink(errand: Errand, { session }: Link): void {
    const { principal, id } = session;
    const refusal = errand.isRevocation ? this.#host.refusalOf(principal, id) : undefined;
    if (refusal !== undefined) {
      session.revoke(refusal);
      this.#host.ended(principal, id);
    } else if (concerns(errand, principal)) {
      session.review().catch((error: unknown) => {
        const { log } = this.#host.node;
        log({ level: "error", message: "A session could not be reviewed.", error: thrownField(error) });
      });
    }
  }

  /** What is held is looked at anew by who holds it, before it is answered. */
  #lookAtWaiter(errand: Errand, waiter: Waiter): void {
    const { principal } = waiter;
    const isRefused = errand.isRevocation && this.#host.refusalOf(principal) !== undefined;
    if (isRefused || concerns(errand, principal)) waiter.look();
  }
}

function concerns({ users, isForAll }: Errand, { user }: Principal): boolean {
  return isForAll || (user !== undefined && users.has(user));
}
