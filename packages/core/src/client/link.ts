import { type Codec, type HoldfastError, jsonCodec } from "@holdfast/protocol";
import type { Transport } from "./ladder.ts";
import type { Subscription, Wants } from "./subscription.ts";
import type { Timing } from "./timing.ts";

/**
 * Where a channel is with a link. `draining`: it is left because its application lags, and what is still on its way is
 * taken. `lost`: what came on it does not continue what was read, so it is to be left and joined again. What comes for
 * one that is lost or leaving is of the past.
 */
export type Attachment = "awaiting" | "attached" | "draining" | "lost" | "leaving";

/** A channel's place on a link: for whom, and what the server was told of what it wants. */
export interface Place {
  readonly state: Attachment;
  readonly subscription: Subscription;
  readonly wants: Wants;
}

/** Whether what is wanted of the channel can be asked for only once the server has let go of it. */
export function isBeingLeft({ state }: Place): boolean {
  return state === "leaving" || state === "draining";
}

/** What a link is opened for; only a `climb` may fail without consequence. */
export type Purpose = "connect" | "renew" | "climb";

export interface ServerLimits {
  readonly messageBytesMax: number;
  readonly subscriptionsMax: number;
  readonly publishEventsMax: number;
}

/** `resting`: between two polls. */
export type LinkPhase = "opening" | "accepted" | "good" | "resting";

/**
 * One way to the server: a socket, a stream, or a sequence of polls. It knows what was said on it and when it
 * counts as dead; who opens and closes it is the lifeline.
 */
export class Link {
  readonly transport: Transport;
  readonly purpose: Purpose;
  readonly #timing: Timing;
  /** The number the shell knows it by; a poll has a new one for each request. */
  id: number;
  phase: LinkPhase = "opening";
  /** What its messages are written in, once it is accepted. */
  codec: Codec = jsonCodec;
  /** The token the server knows it by. */
  token: string | undefined;
  /** A newer one that it was sent, and has not said anything about. */
  offered: string | undefined;
  /** When a newer one may be sent again, after it could not be looked at; `Infinity` where it never can on this link. */
  offerAt = -Infinity;
  readonly #places = new Map<string, Place>();
  #awaiting = 0;
  /** What it carries is no longer what is wanted, and this transport cannot say so. */
  stale = false;
  /** When its first `welcome` came. */
  goodAt: number | undefined;
  heartbeatMs = Infinity;
  limits: ServerLimits | undefined;
  /** When another one of its kind may do better, by a newer cookie. */
  replaceAt = Infinity;
  /** The server wants it to come back at this time. */
  reconnectAt: number | undefined;
  /** What the server said before it ended its answer. */
  lastError: HoldfastError | undefined;
  /** Whether this poll brought anything. */
  fruitful = false;
  /** When a resting poll asks again. */
  pollAt = Infinity;
  waitMs = 0;
  #openedAt: number;
  #heardAt: number;
  #sentAt: number;
  /** A link that was silent while the machine slept may still prove itself until then. */
  #verifyBy: number | undefined;
  #hasRested = false;
  #isPaused = false;

  constructor(id: number, transport: Transport, purpose: Purpose, now: number, timing: Timing) {
    this.id = id;
    this.transport = transport;
    this.purpose = purpose;
    this.#timing = timing;
    this.#openedAt = now;
    this.#heardAt = now;
    this.#sentAt = now;
  }

  get isPolled(): boolean {
    return this.transport === "poll" || this.transport === "long-poll";
  }

  get heardAt(): number {
    return this.#heardAt;
  }

  /** The next poll of this link goes out; only a long poll may be held. */
  ask(id: number, mayWait: boolean, now: number): void {
    this.id = id;
    this.phase = "opening";
    this.pollAt = Infinity;
    this.fruitful = false;
    this.stale = false;
    this.waitMs = mayWait && this.transport === "long-poll" ? this.#holdMs : 0;
    this.#openedAt = now;
    this.#heardAt = now;
    this.#verifyBy = undefined;
  }

  /** In whole seconds, as the server counts them; within a heartbeat, as silence is not believed for longer. */
  get #holdMs(): number {
    return Math.max(1, Math.floor(Math.min(this.#timing.waitMs, this.heartbeatMs) / 1000)) * 1000;
  }

  accepted(codec: Codec, now: number): void {
    if (this.phase !== "opening") return;
    this.phase = "accepted";
    this.codec = codec;
    this.#openedAt = now;
  }

  welcomed(heartbeatMs: number, limits: ServerLimits, now: number): void {
    this.phase = "good";
    this.goodAt ??= now;
    this.heartbeatMs = heartbeatMs;
    this.limits = limits;
  }

  heard(now: number): void {
    this.#heardAt = now;
    this.#verifyBy = undefined;
  }

  /** Whether it is not read, as the application takes nothing of what it carries. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** It is not read any more, or is again: its silence counts from then on. */
  pause(isPaused: boolean, now: number): void {
    this.#isPaused = isPaused;
    this.heard(now);
  }

  sent(now: number): void {
    this.#sentAt = now;
  }

  /** A poll was answered; `more` says that asking again at once would bring more. */
  rest(more: boolean, toleranceMs: number, now: number): void {
    // An answer that brought nothing, and was not held either, is never followed at once: that would not end.
    const isHeld = this.waitMs > 0 && now - this.#openedAt >= this.waitMs / 2;
    const isPrompt =
      this.transport === "long-poll" ? this.fruitful || isHeld || !this.#hasRested : more && this.fruitful;
    this.phase = "resting";
    this.#hasRested = true;
    this.pollAt = this.reconnectAt ?? (isPrompt ? now : now + toleranceMs);
    this.reconnectAt = undefined;
  }

  /** A poll that rests asks now. */
  hurry(now: number): void {
    if (this.phase === "resting") this.pollAt = now;
  }

  /** Whatever was due while the machine slept, it has a moment to show that it lives. */
  verify(now: number): void {
    this.#verifyBy = now + this.#timing.verifyTimeoutMs;
  }

  /** The channels it carries, or did. */
  get channels(): Iterable<string> {
    return this.#places.keys();
  }

  /** How many channels the server has not answered yet. */
  get awaiting(): number {
    return this.#awaiting;
  }

  place(channel: string): Place | undefined {
    return this.#places.get(channel);
  }

  /** The channel is asked for on this link. */
  join(subscription: Subscription): void {
    this.leave(subscription.channel);
    this.#awaiting++;
    this.#places.set(subscription.channel, { state: "awaiting", subscription, wants: subscription.wants });
  }

  /** A channel that has a place is now in another state, or was told other wants. */
  move(channel: string, change: Partial<Place>): void {
    const place = this.#places.get(channel);
    if (place === undefined) return;
    const next = { ...place, ...change };
    if (place.state === "awaiting" && next.state !== "awaiting") this.#awaiting--;
    this.#places.set(channel, next);
  }

  /** The channel has no place here any more. */
  leave(channel: string): void {
    if (this.#places.get(channel)?.state === "awaiting") this.#awaiting--;
    this.#places.delete(channel);
  }

  /** Carries nothing, until its next request says what. */
  clear(): void {
    this.#places.clear();
    this.#awaiting = 0;
  }

  /** When it counts as dead unless something comes. Rules CLI-5 and CLI-6. */
  get deadAt(): number {
    if (this.phase === "resting" || this.#isPaused) return Infinity;
    const silentAt = this.#silentAt;
    if (this.#verifyBy === undefined) return silentAt;
    // A WebSocket was pinged and must answer; the others cannot be asked.
    return this.transport === "websocket" ? this.#verifyBy : Math.max(silentAt, this.#verifyBy);
  }

  get #silentAt(): number {
    const { firstByteTimeoutMs } = this.#timing;
    if (this.isPolled) {
      // Its `welcome` may be held back with the rest of the answer, so a held poll has no first byte to wait for.
      const heartbeatMs = Number.isFinite(this.heartbeatMs) ? this.heartbeatMs : 0;
      return this.#heardAt + this.waitMs + Math.max(firstByteTimeoutMs, heartbeatMs);
    }
    return this.phase === "good" ? this.#heardAt + 2 * this.heartbeatMs : this.#openedAt + firstByteTimeoutMs;
  }

  /** When a WebSocket must say something, well before the server's patience ends. Rule BEAT-4. */
  get pingAt(): number {
    return this.#speaks ? this.#sentAt + this.heartbeatMs * 0.75 : Infinity;
  }

  /** Whether a ping fits now: timers are throttled in hidden pages, messages are not, so these ask as well. */
  mayPing(now: number): boolean {
    return this.#speaks && now >= this.#sentAt + this.heartbeatMs / 2;
  }

  get #speaks(): boolean {
    return this.transport === "websocket" && this.phase === "good";
  }
}
