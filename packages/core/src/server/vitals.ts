import { HoldfastError, type Limits } from "@holdfast/protocol";

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
  /** The principal's time is over, and it has its grace to renew. */
  | { readonly is: "lapsed" }
  | { readonly is: "over"; readonly error: HoldfastError };

const nothing: Due = { is: "nothing" };
const beat: Due = { is: "beat" };
const leave: Due = { is: "leave" };
const idle: Due = { is: "idle" };
const lapsed: Due = { is: "lapsed" };
const never = Number.POSITIVE_INFINITY;

/** What is known of a connection as it begins. */
export interface ConnectionTraits {
  /** The client can be heard on it, so that its silence means that it is gone. */
  readonly hears: boolean;
  /** The client can bring a new token on it. */
  readonly renews?: boolean;
  /** How old it may become, in ms. */
  readonly ageMsMax?: number | undefined;
}

/** The signs of life of one connection, and what they are due for. Times are ms since 1970. */
export class Vitals {
  readonly #limits: Limits;
  readonly #hears: boolean;
  /** How long its client may still renew once its principal has expired. */
  readonly #graceMs: number;
  #heardAt: number;
  #beatAt: number;
  /** Nothing is read from the client, which so cannot be heard. */
  #deaf = false;
  #fullSince = never;
  #usedAt: number;
  #expiresAt = never;
  #noticeAt = never;
  /** What was said of the end of the principal; each is said once. */
  #said: "nothing" | "expiring" | "lapsed" = "nothing";
  /** When the client is to be asked to go elsewhere, and then when it is to have gone. */
  #leaveAt: number;

  constructor(limits: Limits, { hears, renews = false, ageMsMax = never }: ConnectionTraits, now: number) {
    this.#limits = limits;
    this.#hears = hears;
    this.#graceMs = renews ? limits.expiryGraceMs : 0;
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
    // A token ends when the clock says so, and what was said too early is said again in time.
    if (now < this.#noticeAt) this.#said = "nothing";
    else if (this.#said === "lapsed" && now < this.#expiresAt) this.#said = "expiring";
  }

  /**
   * The principal is valid until then. The end is announced, but not before most of the time that is left has passed:
   * else a token of less than the notice would be renewed again and again. Rule EXP-1.
   */
  expire(at: number | undefined, now: number): void {
    this.#expiresAt = at ?? never;
    const leftMs = Math.max(0, this.#expiresAt - now);
    this.#noticeAt = this.#expiresAt - Math.min(this.#limits.expiryNoticeMs, leftMs / 4);
    this.#said = "nothing";
  }

  get expiresAt(): number {
    return this.#expiresAt;
  }

  /** `leave` is due at this time, once. Rule CALM-3. */
  leaveBy(at: number): void {
    this.#leaveAt = at;
  }

  get deadline(): number {
    return Math.min(
      this.#beatAt,
      this.#silentAt,
      this.#stalledAt,
      this.#idleAt,
      this.#expiryAt,
      this.#leaveAt,
    );
  }

  /** When there is something to do about the end of the principal. */
  get #expiryAt(): number {
    if (this.#said === "nothing") return this.#noticeAt;
    const isLast = this.#said === "lapsed" || this.#graceMs === 0;
    return isLast ? this.#expiresAt + this.#graceMs : this.#expiresAt;
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
    if (now >= this.#expiresAt + this.#graceMs) return over("token_expired", "The token has expired.");
    if (now >= this.#stalledAt)
      return over("timed_out", "Nothing was taken from this connection for too long.", "stalledMsMax");
    if (now >= this.#silentAt) return over("timed_out", "Nothing was heard for too long.", "heartbeatMs");
    if (now >= this.#idleAt) return idle;
    if (now >= this.#expiresAt && this.#said !== "lapsed") {
      this.#said = "lapsed";
      return lapsed;
    }
    if (now >= this.#noticeAt && this.#said === "nothing") {
      this.#said = "expiring";
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

function over(code: "token_expired" | "timed_out", detail: string, limit?: keyof Limits): Due {
  return { is: "over", error: new HoldfastError(code, detail, limit === undefined ? {} : { limit }) };
}
