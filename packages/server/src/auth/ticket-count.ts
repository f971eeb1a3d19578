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
  readonly #byOwner = new Map<string, number>();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Counts one more, unless a limit is reached. Who has no name counts with the node alone. */
  add(owner: string | undefined, now: number): TicketRefusal | undefined {
    const { ticketMs, ticketsMax, ticketsPerUserMax } = this.#limits;
    this.expire(now);
    if (owner !== undefined && (this.#byOwner.get(owner) ?? 0) >= ticketsPerUserMax) {
      return this.#refusal("ticketsPerUserMax", "rate_limited", now);
    }
    if (this.#made.size >= ticketsMax) return this.#refusal("ticketsMax", "overloaded", now);
    this.#made.add({ until: now + ticketMs, owner });
    if (owner !== undefined) this.#byOwner.set(owner, (this.#byOwner.get(owner) ?? 0) + 1);
    return undefined;
  }

  #refusal(limit: TicketRefusal["limit"], code: "rate_limited" | "overloaded", now: number): TicketRefusal {
    const { ticketMs } = this.#limits;
    const [oldest] = this.#made;
    const retryAfterMs = Math.max(1, (oldest?.until ?? now + ticketMs) - now);
    const whose = limit === "ticketsMax" ? "this node" : "one user";
    const detail = `At most ${this.#limits[limit]} tickets are made for ${whose} in ${ticketMs} ms (${limit}).`;
    return { limit, error: new HoldfastError(code, detail, { retryAfterMs }) };
  }

  /** Forgets those whose time is over. */
  expire(now: number): void {
    for (const made of this.#made) {
      if (made.until > now) return;
      this.#made.delete(made);
      if (made.owner === undefined) continue;
      const left = (this.#byOwner.get(made.owner) ?? 1) - 1;
      if (left === 0) this.#byOwner.delete(made.owner);
      else this.#byOwner.set(made.owner, left);
    }
  }
}
