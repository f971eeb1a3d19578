import { HoldfastError, type Limits } from "@holdfast/protocol";

interface Made {
  readonly until: number;
  readonly owner: string | undefined;
}

/** Of a credential, for each place that its ticket takes: most tokens are shorter. */
const placeBytes = 1024;

/** Which limit refuses a ticket, and what is said of it. */
export interface TicketRefusal {
  readonly limit: "ticketsMax" | "ticketsPerUserMax";
  readonly error: HoldfastError;
}

/** The tickets that one node has made within the time for which each may wait, used or not. Rule TICK-5. */
export class TicketCount {
  readonly #limits: Limits;
  /** Oldest first. */
  readonly #made = new Set<Made>();
  /** When the time of each owner's is over, oldest first. */
  readonly #byOwner = new Map<string, number[]>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /**
   * Counts one more, unless a limit is reached. Who has no name counts with the node alone.
   *
   * One for a long credential counts as several: what waits in the log is bounded by its size.
   */
  add(owner: string | undefined, now: number, credentialBytes = 0): TicketRefusal | undefined {
    const { ticketMs, ticketsMax, ticketsPerUserMax } = this.#limits;
    this.expire(now);
    const places = Math.max(1, Math.ceil(credentialBytes / placeBytes));
    const own = (owner === undefined ? undefined : this.#byOwner.get(owner)) ?? [];
    const isOverOwn = owner !== undefined && own.length > 0 && own.length + places > ticketsPerUserMax;
    if (isOverOwn) {
      const enough = own[own.length + Math.min(places, ticketsPerUserMax) - ticketsPerUserMax - 1];
      return this.#refusal("ticketsPerUserMax", "rate_limited", (enough ?? now + ticketMs) - now);
    }
    if (this.#made.size > 0 && this.#made.size + places > ticketsMax) {
      const [oldest] = this.#made;
      return this.#refusal("ticketsMax", "overloaded", (oldest?.until ?? now + ticketMs) - now);
    }
    const until = now + ticketMs;
    for (let place = 0; place < places; place++) {
      this.#made.add({ until, owner });
      own.push(until);
    }
    if (owner !== undefined) this.#byOwner.set(owner, own);
    return undefined;
  }

  #refusal(
    limit: TicketRefusal["limit"],
    code: "rate_limited" | "overloaded",
    waitMs: number,
  ): TicketRefusal {
    const { ticketMs } = this.#limits;
    const whose = limit === "ticketsMax" ? "this node" : "one user";
    const detail = `At most ${this.#limits[limit]} tickets are made for ${whose} in ${ticketMs} ms (${limit}).`;
    return { limit, error: new HoldfastError(code, detail, { limit, retryAfterMs: Math.max(1, waitMs) }) };
  }

  /** Forgets those whose time is over. */
  expire(now: number): void {
    for (const made of this.#made) {
      if (made.until > now) return;
      this.#made.delete(made);
      if (made.owner === undefined) continue;
      const own = this.#byOwner.get(made.owner);
      own?.shift();
      if (own?.length === 0) this.#byOwner.delete(made.owner);
    }
  }

  /** The clock was set: nobody waits for a time that was another. */
  clear(): void {
    this.#made.clear();
    this.#byOwner.clear();
  }
}
