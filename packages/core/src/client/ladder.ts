import { HoldfastError } from "@holdfast/protocol";
import type { Timing } from "./timing.ts";

export const transports = ["websocket", "sse", "long-poll", "poll"] as const;
export type Transport = (typeof transports)[number];

/** What an application asks of its transport. */
export interface Needs {
  /** Whether it mostly listens, or also speaks. */
  readonly need: "receive" | "duplex";
  /** How late an event may arrive, in ms; from 10,000 on a plain poll is enough. */
  readonly toleranceMs: number;
  /** Only these, in this order; overrides what follows from the needs. */
  readonly transports?: readonly Transport[];
}

const pollToleranceMs = 10_000;

/** The transports to try, the least powerful that fits first; throws `bad_parameter`. */
export function candidates(needs: Needs): readonly Transport[] {
  if (needs.transports !== undefined) return chosen(needs.transports);
  const streams: readonly Transport[] =
    needs.need === "duplex" ? ["websocket", "sse", "long-poll"] : ["sse", "websocket", "long-poll"];
  return needs.toleranceMs >= pollToleranceMs ? ["poll", ...streams] : [...streams, "poll"];
}

function chosen(list: readonly Transport[]): readonly Transport[] {
  const known = list.every((transport) => transports.includes(transport));
  if (known && list.length > 0 && new Set(list).size === list.length) return list;
  throw new HoldfastError(
    "bad_parameter",
    `"transports" names at least one of ${transports.join(", ")}, each at most once.`,
  );
}

/** What was found out about the transports to one origin; shared by the clients that go there. */
export interface TransportMemory {
  /** Until when a transport counts as blocked. */
  readonly blocked: Map<Transport, number>;
}

/**
 * How a candidate failed although plain HTTP to the same origin works: `strong` when it was accepted and then
 * stayed silent, as behind a proxy that buffers; `weak` otherwise, as during a restart.
 */
export type Evidence = "strong" | "weak";

/**
 * Decides which transport to use from what was seen of them. Rules CLI-6 and CLI-7.
 *
 * One weak failure proves nothing: a server that restarts refuses everybody for a moment. Two in a row do.
 */
export class Ladder {
  readonly rungs: readonly Transport[];
  readonly #memory: TransportMemory;
  readonly #timing: Timing;
  readonly #random: () => number;
  #at = 0;
  #weakFailures = 0;
  #climbAt = Infinity;
  #climbMs: number;
  #climbRung = 0;

  constructor(rungs: readonly Transport[], memory: TransportMemory, timing: Timing, random: () => number) {
    this.rungs = rungs;
    this.#memory = memory;
    this.#timing = timing;
    this.#random = random;
    this.#climbMs = timing.climbMinMs;
  }

  /** The transport to use now. */
  get transport(): Transport {
    return this.rungs[this.#at] as Transport;
  }

  /** When a better transport is to be tried; `Infinity` on the best one. */
  get climbAt(): number {
    return this.#climbAt;
  }

  get climbTarget(): Transport {
    return this.rungs[this.#climbRung % Math.max(this.#at, 1)] as Transport;
  }

  /** Starts anew on the best transport that is not remembered as blocked. */
  restart(now: number): void {
    this.#at = Math.max(
      0,
      this.rungs.findIndex((transport) => !this.#isBlocked(transport, now)),
    );
    this.#weakFailures = 0;
    this.#climbMs = this.#timing.climbMinMs;
    this.#scheduleClimb(now);
  }

  /** The first byte of this transport arrived. */
  worked(transport: Transport, now: number): void {
    this.#memory.blocked.delete(transport);
    this.#weakFailures = 0;
    const rung = this.rungs.indexOf(transport);
    if (rung === -1 || rung === this.#at) return;
    this.#at = rung;
    this.#climbMs = this.#timing.climbMinMs;
    this.#scheduleClimb(now);
  }

  /** The transport failed and plain HTTP works. Answers whether to go on at once with another one. */
  failed(evidence: Evidence, now: number): boolean {
    if (evidence === "weak" && ++this.#weakFailures < 2) return false;
    this.#weakFailures = 0;
    this.#memory.blocked.set(this.transport, now + this.#timing.rememberMs);
    const below = this.rungs.findIndex((one, rung) => rung > this.#at && !this.#isBlocked(one, now));
    if (below !== -1) {
      this.#at = below;
      this.#scheduleClimb(now);
      return true;
    }
    // Nothing is left below: what was believed of those above is as doubtful as what was seen of the rest.
    for (const transport of this.rungs) this.#memory.blocked.delete(transport);
    this.#at = 0;
    this.#climbAt = Infinity;
    return false;
  }

  /** Plain HTTP failed too, so nothing was learned about the transport. */
  outage(): void {
    this.#weakFailures = 0;
  }

  /** A better transport was tried and failed. */
  climbFailed(now: number): void {
    this.#memory.blocked.set(this.climbTarget, now + this.#timing.rememberMs);
    this.#climbRung++;
    this.#climbMs = Math.min(this.#climbMs * 2, this.#timing.climbMaxMs);
    this.#scheduleClimb(now);
  }

  /** The network is another one: what was blocked may be free. */
  forget(now: number, connected: boolean): void {
    for (const transport of this.rungs) this.#memory.blocked.delete(transport);
    this.#climbMs = this.#timing.climbMinMs;
    this.#climbRung = 0;
    if (!connected) this.restart(now);
    else if (this.#at > 0) this.#climbAt = now;
  }

  #scheduleClimb(now: number): void {
    if (this.#at === 0) this.#climbRung = 0;
    // Jitter, because a proxy's fault sends many clients down in the same second.
    const delayMs = this.#climbMs * (0.75 + this.#random() / 2);
    this.#climbAt = this.#at === 0 ? Infinity : now + delayMs;
  }

  #isBlocked(transport: Transport, now: number): boolean {
    return (this.#memory.blocked.get(transport) ?? 0) > now;
  }
}
