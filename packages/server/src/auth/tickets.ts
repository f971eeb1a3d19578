import { type ControlLog, controlChannels, type Principal } from "@holdfast/core/server";
import {
  type Cursor,
  formatCursor,
  HoldfastError,
  isRecord,
  type LogEvent,
  type Payload,
  parseCursor,
  parseJson,
} from "@holdfast/protocol";
import type { Timed } from "../deadlines.ts";
import type { ControlHost } from "./control.ts";
import { TicketCount } from "./ticket-count.ts";
import { drawSecret, sealOf } from "./ticket-seal.ts";

/** What a request was let in for, as far as another one needs it to be let in likewise. */
export interface Carried {
  readonly token?: string;
  /** The header, for an application that looks for its own cookie. */
  readonly cookie?: string;
}

export interface Ticket {
  readonly ticket: string;
  /** In ms since 1970. */
  readonly expiresAt: number;
}

/** A ticket as the log has it. */
interface Made {
  readonly id: string;
  readonly until: number;
  readonly sealed: string;
}

const form = /^([A-Za-z0-9_-]{43})\.([a-z0-9-]{3,41})$/;
const expireEveryMs = 5000;

/**
 * Trades credentials for tickets, each of which opens one connection within 30 seconds. Rules TICK-1 to TICK-5.
 *
 * A ticket is a secret and a place in a log, where the credential lies sealed with that secret: no node keeps anything of
 * it, and the log gives nothing away. It is used by saying so in a second log, which every node follows: who said it
 * first has used it.
 */
export class Tickets implements Timed {
  readonly #host: ControlHost;
  readonly #count: TicketCount;
  readonly #redemptions: ControlLog;
  /** Where each ticket was used first, oldest first. */
  readonly #used = new Map<string, { readonly cursor: string; readonly until: number }>();
  /** Tickets that end until then may have been used without this node's knowing. */
  #unknownUntil = 0;
  /** Since the start of this node. */
  made = 0;
  deadline: number;

  constructor(host: ControlHost) {
    this.#host = host;
    this.#count = new TicketCount(host.node.limits);
    this.deadline = host.clock.now() + expireEveryMs;
    this.#redemptions = host.openLog({
      channel: controlChannels.redemptions,
      start: "oldest",
      take: (event, epoch) => this.#take(event, epoch),
      missed: () => {
        this.#unknownUntil = host.clock.now() + host.node.limits.ticketMs;
      },
    });
  }

  /**
   * Makes a ticket that lets in as the credential does; it does not outlive it.
   *
   * Rejects with `rate_limited` beyond `ticketsPerUserMax`, with `overloaded` beyond `ticketsMax`, and as the broker does.
   */
  async make(carried: Carried, principal: Principal): Promise<Ticket> {
    const { node, clock, hubs } = this.#host;
    const now = clock.now();
    const until = Math.min(now + node.limits.ticketMs, principal.expiresAt ?? Number.POSITIVE_INFINITY);
    const credential = JSON.stringify(carried);
    const refusal = this.#count.add(principal.user ?? principal.tokenId, now, credential.length);
    if (refusal !== undefined) {
      node.meters.refused(refusal.limit);
      throw refusal.error;
    }
    const secret = drawSecret();
    const { id, seal } = sealOf(secret);
    const made: Made = { id, until, sealed: seal(credential) };
    const { results } = await hubs.publish(controlChannels.tickets, [{ payload: payloadOf(made) }]);
    const [result] = results;
    if (result === undefined) throw new HoldfastError("internal", "The broker acknowledged nothing.");
    this.made++;
    return { ticket: `${secret}.${formatCursor(result.cursor)}`, expiresAt: until };
  }

  /** What a ticket was traded for; it is used from now on. Rejects with `unauthenticated`, and as the broker does. */
  async redeem(text: string): Promise<Carried> {
    const { secret, place } = parseTicket(text);
    const { id, open } = sealOf(secret);
    const { until, sealed } = (await this.#find(place)) ?? {};
    const carried = sealed === undefined ? undefined : open(sealed);
    if (until === undefined || carried === undefined) throw invalid();
    if (until <= this.#host.clock.now()) throw invalid();
    if (until <= this.#unknownUntil) throw lost();
    if (this.#used.has(id)) throw used();
    // The id lets the log refuse most of those that come second; which one was first is decided by its order.
    const [result] = await this.#redemptions.post([{ id: `used:${id}`, payload: payloadOf({ id, until }) }]);
    if (until <= this.#unknownUntil) throw lost();
    const isFirst = result && this.#used.get(id)?.cursor === formatCursor(result.cursor);
    if (!isFirst || result.duplicate) throw used();
    return JSON.parse(carried) as Carried;
  }

  async #find({ epoch, offset }: Cursor): Promise<Made | undefined> {
    if (offset === 0) return undefined;
    const after = { epoch, offset: offset - 1 };
    const page = await this.#host.hubs.page(
      controlChannels.tickets,
      { after },
      { eventsMax: 1, bytesMax: 1 },
    );
    const [first] = page.events;
    if (page.to.epoch !== epoch || first?.offset !== offset) return undefined;
    return readMade(first.event);
  }

  #take(event: LogEvent, epoch: string): void {
    const { id, until } = readFields(event);
    if (typeof id !== "string" || typeof until !== "number")
      throw new Error("A used ticket has id and until.");
    if (this.#used.has(id) || until <= this.#host.clock.now()) return;
    this.#used.set(id, { cursor: formatCursor({ epoch, offset: event.offset }), until });
  }

  /** The clock was set. What was used stays used. */
  clockSet(now: number): void {
    this.deadline = now;
    this.#count.clear();
  }

  tick(now: number): void {
    this.deadline = now + expireEveryMs;
    for (const [id, { until }] of this.#used) if (until <= now) this.#used.delete(id);
    this.#count.expire(now);
  }
}

function parseTicket(text: string): { secret: string; place: Cursor } {
  const [, secret, place] = form.exec(text) ?? [];
  if (secret === undefined || place === undefined) throw invalid();
  try {
    return { secret, place: parseCursor(place) };
  } catch {
    throw invalid();
  }
}

function payloadOf(value: unknown): Payload {
  return { encoding: "json", text: JSON.stringify(value) };
}

function readFields({ payload }: LogEvent): Record<string, unknown> {
  const json = payload.encoding === "json" ? parseJson(payload.text) : undefined;
  return isRecord(json) ? json : {};
}

function readMade(event: LogEvent): Made | undefined {
  const { id, until, sealed } = readFields(event);
  const isMade = typeof id === "string" && typeof until === "number" && typeof sealed === "string";
  return isMade ? { id, until, sealed } : undefined;
}

function invalid(): HoldfastError {
  return new HoldfastError(
    "unauthenticated",
    "This ticket is not valid, or its time is over. Get another with POST /tickets, right before you use it.",
  );
}

function used(): HoldfastError {
  return new HoldfastError(
    "unauthenticated",
    "This ticket was used: each opens one connection. Get another with POST /tickets, and open a new EventSource or WebSocket with it, from your last cursor.",
  );
}

function lost(): HoldfastError {
  return new HoldfastError(
    "unauthenticated",
    "It is not known any more whether this ticket was used. Get another with POST /tickets.",
  );
}
