import { type Rate, Rates } from "@holdfast/core/server";
import { type ErrorCode, HoldfastError, type Limits } from "@holdfast/protocol";
import type { Meters } from "../metrics/meters.ts";
import { Counts } from "./counts.ts";

/** As whom a stream, a WebSocket or a held answer is counted. */
export interface Client {
  /** Undefined for an address that is not counted, as many may be behind it. */
  readonly address: string | undefined;
  /** Whom a trusted proxy speaks for; undefined where the socket's own address says who it is. */
  readonly forwardedFor?: string | undefined;
  /** Undefined until it is known, and for somebody without a name. */
  user: string | undefined;
}

export interface AdmissionOptions {
  readonly limits: Limits;
  readonly meters: Meters;
  /** Milliseconds since 1970. */
  now(): number;
  /** Yields numbers from 0 up to, but not including, 1. */
  random(): number;
}

/** Nobody is sent away for longer: by then the crowd that was before him may have given up. */
const queueMsMax = 60_000;
/** By how much two of whom the same time was asked miss each other. */
const spreadMs = 1000;

/** What all share is kept under a key like everything else. */
const everybody = "";

/** Decides who may come in, by how many are here and how fast they come. Rules LIM-5, LIM-9. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #addresses = new Counts();
  readonly #users = new Counts();
  readonly #begun: Rates;
  /** Places in line of those who were sent away, so that they come back one after the other. */
  readonly #line: Rates;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#begun = new Rates(options.limits.rateKeysMax);
    this.#line = new Rates(options.limits.rateKeysMax);
  }

  /** Throws `overloaded` or `too_many_connections` where there is no room for one more; `present` are here already. */
  checkRoom(present: number, { address, user }: Client): void {
    const { connectionsMax } = this.#options.limits;
    if (present >= connectionsMax) {
      throw this.#refusal(
        "connectionsMax",
        "overloaded",
        `This node serves at most ${connectionsMax} connections (connectionsMax).`,
      );
    }
    if (address !== undefined) this.#checkAddress(address);
    if (user !== undefined) this.checkUser(user);
  }

  #checkAddress(address: string): void {
    const { connectionsPerAddressMax: most } = this.#options.limits;
    if (most === 0 || this.#addresses.of(address) < most) return;
    throw this.#refusal(
      "connectionsPerAddressMax",
      "too_many_connections",
      `${address} may have at most ${most} connections here (connectionsPerAddressMax). If that is a proxy, name it in "trustedProxies".`,
    );
  }

  /** Throws `too_many_connections` where this user has as many as it may. */
  checkUser(user: string): void {
    const { connectionsPerUserMax: most } = this.#options.limits;
    if (most === 0 || this.#users.of(user) < most) return;
    throw this.#refusal(
      "connectionsPerUserMax",
      "too_many_connections",
      `A user may have at most ${most} connections here (connectionsPerUserMax). Close some.`,
    );
  }

  /** Counts a stream or WebSocket that begins; throws `rate_limited`, with a place in line. */
  handshake(address: string | undefined): void {
    const { handshakesPerSecond, handshakesPerAddressPerSecond } = this.#options.limits;
    if (address !== undefined)
      this.#begin("handshakesPerAddressPerSecond", handshakesPerAddressPerSecond, address);
    this.#begin("handshakesPerSecond", handshakesPerSecond, everybody);
  }

  /** How long until a connection of this peer may be accepted, in ms; 0 counts it as accepted. */
  connectionWait(address: string | undefined): number {
    const { handshakesPerAddressPerSecond: perSecond } = this.#options.limits;
    if (address === undefined || perSecond === 0) return 0;
    return this.#take(`connection ${address}`, this.#rateOf(perSecond));
  }

  #begin(limit: keyof Limits, perSecond: number, key: string): void {
    if (perSecond === 0) return;
    const waitMs = this.#take(key, this.#rateOf(perSecond));
    if (waitMs === 0) return;
    const whose = key === everybody ? "This node begins" : "One address may begin";
    throw this.#refusal(
      limit,
      "rate_limited",
      `${whose} at most ${perSecond} streams and WebSockets a second (${limit}).`,
      waitMs,
    );
  }

  #rateOf(perSecond: number): Rate {
    return { perSecond, burstMs: this.#options.limits.rateBurstMs };
  }

  /** Takes one, or a place in line, and returns how long until that is reached. */
  #take(key: string, rate: Rate): number {
    const now = this.#options.now();
    const waitMs = this.#begun.wait(key, 1, rate, now);
    if (waitMs === 0) {
      this.#begun.take(key, 1, rate, now);
      return 0;
    }
    const noneAtOnce = { ...rate, burstMs: 0 };
    const lineMs = this.#line.wait(key, 1, noneAtOnce, now);
    if (lineMs < queueMsMax) this.#line.take(key, 1, noneAtOnce, now);
    return Math.ceil(waitMs + lineMs + this.#options.random() * spreadMs);
  }

  #refusal(limit: keyof Limits, code: ErrorCode, detail: string, retryAfterMs?: number): HoldfastError {
    this.#options.meters.refused(limit);
    return new HoldfastError(code, detail, {
      limit,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  /** Somebody is here from now on. */
  enter({ address, user }: Client): void {
    if (address !== undefined) this.#addresses.add(address);
    if (user !== undefined) this.#users.add(user);
  }

  /** It was found out who somebody is that is here already; throws `too_many_connections`. */
  identify(client: Client, user: string | undefined): void {
    if (user === undefined || client.user !== undefined) return;
    this.checkUser(user);
    client.user = user;
    this.#users.add(user);
  }

  leave({ address, user }: Client): void {
    if (address !== undefined) this.#addresses.remove(address);
    if (user !== undefined) this.#users.remove(user);
  }

  /** Addresses and users of those who are here. */
  get size(): number {
    return this.#addresses.size + this.#users.size;
  }

  /** The clock was set: what was due by the old one is forgiven. */
  clockSet(): void {
    this.#begun.clear();
    this.#line.clear();
  }
}
