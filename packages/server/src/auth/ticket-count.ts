import { HoldfastError, type Limits } from "@holdfast/protocol";

interface Made {
  readonly until: number;
  readonly owner: string | undefined;
}

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

  /** Counts one more, unless a limit is reached. Who has no name counts with the node alone. */
  add(owner: string | undefined, now: number): TicketRefusal | undefined {
    const { ticketMs, ticketsMax, ticketsPerUserMax } = this.#limits;
    this.expire(now);
    const own = (owner === undefined ? undefined : this.#byOwner.get(owner)) ?? [];
    if (owner !== undefined && own.length >= ticketsPerUserMax) {
      return this.#refusal("ticketsPerUserMax", "rate_limited", (own[0] ?? now + ticketMs) - now);
    }
    if (this.#made.size >= ticketsMax) {
      const [oldest] = this.#made;
      return this.#refusal("ticketsMax", "overloaded", (oldest?.until ?? now + ticketMs) - now);
    }
    const until = now + ticketMs;
    this.#made.add({ until, owner });
    own.push(until);
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
