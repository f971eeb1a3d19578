import { HoldfastError, type Limits } from "@holdfast/protocol";

/** How long before its principal expires a session says so. */
const expiryNoticeMs = 30_000;
/** Heartbeats without a sign of life after which a client counts as gone. Rules WSP-3, BEAT-4. */
const silentBeatsMax = 2.5;

/** What is due on a session: to say that time has come for something, or to let it go. */
export type Due =
  | { readonly is: "nothing" }
  | { readonly is: "beat" }
  | { readonly is: "expiring"; readonly inMs: number }
  | { readonly is: "leave" }
  /** For long nothing was said but pings; whether that is all is to be looked at. */
  | { readonly is: "idle" }
  | { readonly is: "over"; readonly error: HoldfastError };

const nothing: Due = { is: "nothing" };
const beat: Due = { is: "beat" };
const leave: Due = { is: "leave" };
const idle: Due = { is: "idle" };
const never = Number.POSITIVE_INFINITY;

/** The signs of life of one connection, and what they are due for. Times are ms since 1970. */
export class Vitals {
  readonly #limits: Limits;
  readonly #hears: boolean;
  #heardAt: number;
  #beatAt: number;
  /** Nothing is read from the client, which so cannot be heard. */
  #deaf = false;
  #fullSince = never;
  #usedAt: number;
  #expiresAt = never;
  #noticed = false;
  /** When the client is to be asked to go elsewhere, and then when it is to have gone. */
  #leaveAt: number;

  /** `ageMsMax`: how old the connection may become. `hears`: the client can be heard on this connection, so that its silence means that it is gone. */
  constructor(limits: Limits, hears: boolean, now: number, ageMsMax = never) {
    this.#limits = limits;
    this.#hears = hears;
    this.#heardAt = now;
    this.#beatAt = now + limits.heartbeatMs;
    this.#leaveAt = now + ageMsMax;
    this.#usedAt = now;
  }

  heard(now: number): void {
    this.#heardAt = now;
  }

  /** The connection is good for something: more was said than pings, or something is subscribed. */
  used(now: number): void {
    this.#usedAt = now;
  }

  /** Reading from the client was stopped, or goes on. */
  deafen(deaf: boolean, now: number): void {
    this.#deaf = deaf;
    this.#heardAt = now;
  }

  /** The sink is full from now on. */
  filled(now: number): void {
    this.#fullSince = now;
  }

  drained(): void {
    this.#fullSince = never;
  }

  /** The clock was moved by so much. Beats keep their places, which are spread over the connections. */
  clockSet(now: number, byMs: number): void {
    this.#heardAt = now;
    this.#beatAt = Math.min(now + this.#limits.heartbeatMs, Math.max(now, this.#beatAt + byMs));
    if (this.#fullSince !== never) this.#fullSince = now;
    this.#leaveAt += byMs;
    this.#usedAt = now;
  }

  expire(at: number | undefined): void {
    this.#expiresAt = at ?? never;
    this.#noticed = false;
  }

  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** `leave` is due at this time, once. Rule CALM-3. */
  leaveBy(at: number): void {
    this.#leaveAt = at;
  }

  get deadline(): number {
    const expiry = this.#noticed ? this.#expiresAt : this.#expiresAt - expiryNoticeMs;
    return Math.min(this.#beatAt, this.#silentAt, this.#stalledAt, this.#idleAt, expiry, this.#leaveAt);
  }

  get #silentAt(): number {
    if (!this.#hears || this.#deaf) return never;
    return this.#heardAt + silentBeatsMax * this.#limits.heartbeatMs;
  }

  get #idleAt(): number {
    const { idleTimeoutMs } = this.#limits;
    return idleTimeoutMs === 0 ? never : this.#usedAt + idleTimeoutMs;
  }

  get #stalledAt(): number {
    const { stalledMsMax } = this.#limits;
    return stalledMsMax === 0 ? never : this.#fullSince + stalledMsMax;
  }

  /** What is due now; asked until nothing is. */
  due(now: number): Due {
    if (now >= this.#expiresAt) return over("unauthenticated", "The token has expired.");
    if (now >= this.#stalledAt)
      return over("timed_out", "Nothing was taken from this connection for too long.", "stalledMsMax");
    if (now >= this.#silentAt) return over("timed_out", "Nothing was heard for too long.", "heartbeatMs");
    if (now >= this.#idleAt) return idle;
    if (!this.#noticed && now >= this.#expiresAt - expiryNoticeMs) {
      this.#noticed = true;
      return { is: "expiring", inMs: this.#expiresAt - now };
    }
    if (now >= this.#leaveAt) {
      this.#leaveAt = never;
      return leave;
    }
    if (now >= this.#beatAt) {
      this.#beatAt = now + this.#limits.heartbeatMs;
      return beat;
    }
    return nothing;
  }
}

function over(code: "unauthenticated" | "timed_out", detail: string, limit?: keyof Limits): Due {
  return { is: "over", error: new HoldfastError(code, detail, limit === undefined ? {} : { limit }) };
}
