import {
  type Cursor,
  type Draft,
  HoldfastError,
  type Limits,
  type PublishResult,
  type ReconnectReason,
  type Subscription,
} from "@holdfast/protocol";
import type { Company } from "./company.ts";
import type { Clock } from "./hubs.ts";
import { Intake, type IntakeHost } from "./intake.ts";
import { type Action, checkCurrent, type Gate, notPermitted, type Principal } from "./principal.ts";
import type { Source } from "./publish-rates.ts";
import { Publisher, type PublisherHost } from "./publishing.ts";
import { Subscriptions, type SubscriptionsHost } from "./subscriptions.ts";
import { type Due, Vitals } from "./vitals.ts";
import { Voice, type VoiceOptions } from "./voice.ts";

export interface SessionOptions extends VoiceOptions {
  readonly gate: Gate;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly principal: Principal;
  /** The address of the client, where it counts for what the client may do. */
  readonly address?: string | undefined;
  /** The client can be heard on this connection, so that its silence means that it is gone. Rules WSP-3, BEAT-4. */
  readonly hears: boolean;
  /** The client opens its next connection before it drops this one, so it is served while it goes elsewhere. Rule CALM-2. */
  readonly moves?: boolean;
  /** After how many ms the client is asked to go elsewhere; never unless given. Rule CALM-4. */
  readonly ageMsMax?: number | undefined;
  /** The client can bring a new token on this connection, for which it may have a grace. Rule EXP-5. */
  readonly renews?: boolean;
}

/** How long a client may take to go elsewhere whose connection has become old. */
const rotateGraceMs = 30_000;
/** When those come back who cannot open the next connection before this one has ended. */
const rotateDelayMs = 1000;

/** `greeting`: nothing was said yet; `full`: its client takes no more for now; `lagging`: not everything up to the head was written; else `live`. */
export type SessionState = "greeting" | "live" | "lagging" | "full";

/** One connected client: a principal, its subscriptions, its sink. */
export class Session extends Voice implements IntakeHost, PublisherHost, SubscriptionsHost {
  readonly limits: Limits;
  /** Whether its client can go elsewhere before this connection has ended. */
  readonly moves: boolean;
  readonly #gate: Gate;
  readonly #clock: Clock;
  readonly #address: string | undefined;
  /** The principal's time is over, and it has its grace to renew: nothing is delivered meanwhile. */
  #lapsed = false;
  readonly #subscriptions: Subscriptions;
  readonly #vitals: Vitals;
  readonly #intake: Intake;
  #principal: Principal;
  #instance: string;
  /** What it was told when it was asked to go elsewhere. */
  #moving: { readonly delayMs: number; readonly reason: ReconnectReason } | undefined;
  /** Made when first needed: most sessions only read. */
  #publisher: Publisher | undefined;

  constructor(options: SessionOptions) {
    super(options);
    // Of these it keeps what it needs: they would be one more object for each connection.
    const { id, clock, principal } = options;
    this.limits = options.limits;
    this.moves = options.moves === true;
    this.#gate = options.gate;
    this.#clock = clock;
    this.#address = options.address;
    this.#instance = id;
    this.#principal = principal;
    this.#subscriptions = new Subscriptions(this);
    this.#intake = new Intake(this);
    const now = clock.now();
    this.#vitals = new Vitals(options.limits, options, now);
    this.#vitals.expire(principal.expiresAt, now);
  }

  /** O(subscriptions). */
  get state(): SessionState {
    if (!this.hasSpoken) return "greeting";
    if (this.isFull) return "full";
    return this.caughtUp ? "live" : "lagging";
  }

  /** The channels that are not read up to the head, and how many offsets lie between. */
  lags(): ReturnType<Subscriptions["lags"]> {
    return this.#subscriptions.lags();
  }

  /** Names the client as a member, over all its connections. */
  get instance(): string {
    return this.#instance;
  }

  get principal(): Principal {
    return this.#principal;
  }

  get source(): Source {
    return { user: this.#principal.user, address: this.#address };
  }

  /** Nothing is to be delivered now: the sink takes no more, or the principal may have no more. */
  get full(): boolean {
    return this.isFull || this.#lapsed;
  }

  get subscriptions(): number {
    return this.#subscriptions.size;
  }

  /** Every subscription has been read up to the head. */
  get caughtUp(): boolean {
    return this.#subscriptions.caughtUp;
  }

  protected override filled(): void {
    this.#vitals.filled(this.#clock.now());
    this.#setFull(true);
  }

  #setFull(full: boolean): void {
    this.isFull = full;
    this.#intake.full = full;
  }

  /** Stops or restarts reading from the client. */
  pauseInput(paused: boolean): void {
    if (this.isClosed) return;
    this.#vitals.deafen(paused, this.#clock.now());
    try {
      this.sink.pauseInput(paused);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Reads no further until it is let go on: what the client says next is to wait. */
  holdInput(held: boolean): void {
    this.#intake.held = held;
  }

  /** Something that the client asked for has not been answered. */
  get isBusy(): boolean {
    return !this.isClosed && this.#intake.isBusy;
  }

  /** Counts a request as unanswered until its answer has been given; never rejects. */
  async during(answer: Promise<void>): Promise<void> {
    this.#vitals.used(this.#clock.now());
    try {
      await this.#intake.count(answer);
    } catch (error) {
      this.refuse(error);
    }
  }

  /** The sink has room again: readers go on from their cursors. Rule BND-1. */
  drained(): void {
    if (this.isClosed || !this.isFull) return;
    this.#vitals.drained();
    this.#setFull(false);
    this.#subscriptions.drained();
  }

  /** Readers stand still as long as the principal has lapsed, and then go on from their cursors. Rule EXP-5. */
  #setLapsed(lapsed: boolean): void {
    if (this.#lapsed === lapsed) return;
    this.#lapsed = lapsed;
    if (!lapsed && !this.isFull) this.#subscriptions.drained();
  }

  /**
   * Subscribes; what stands in the way is told in band. Rules SUB-1 to SUB-4.
   *
   * Resolves when the reader has started, or was refused.
   */
  async subscribe(subscription: Subscription): Promise<void> {
    if (!this.isClosed) await this.during(this.#subscriptions.subscribe(subscription));
  }

  /** Ends a subscription. Rule SUB-5. */
  unsubscribe(channel: string): void {
    this.#vitals.used(this.#clock.now());
    this.#subscriptions.unsubscribe(channel);
  }

  /**
   * Publishes after what was published before; answered in band by `published` or `error`. Rules ACK-1, ACK-4, PUB-3.
   *
   * What could not be read is given as its error, to be refused in its turn.
   */
  publish(ref: number, channel: string, drafts: readonly Draft[] | HoldfastError, ifMatch?: Cursor): void {
    if (this.isClosed) return;
    this.#publisher ??= new Publisher(this);
    void this.during(this.#publisher.publish(ref, channel, drafts, ifMatch));
  }

  published(ref: number, results: readonly PublishResult[]): void {
    this.say({ type: "published", ref, results });
  }

  /** This session's part in the lobbies of its channels. */
  get company(): Company {
    return this.#subscriptions.company;
  }

  /** Rejects with `forbidden` or `token_expired` when the principal may not do this, or not any more. Rules AUTH-1, EXP-3. */
  async demand(action: Action, channel: string): Promise<void> {
    for (;;) {
      const principal = this.#principal;
      checkCurrent(principal, this.#clock.now());
      const isPermitted = await this.#gate.authorize(principal, action, channel);
      // It may have taken long, and says nothing of a principal that has come since.
      if (principal !== this.#principal) continue;
      checkCurrent(principal, this.#clock.now());
      if (isPermitted) return;
      throw notPermitted(action, channel);
    }
  }

  /** Goes on as this principal, and as this member where it joins. */
  adopt(principal: Principal, instance = this.#instance): void {
    this.#principal = principal;
    this.#instance = instance;
    this.#vitals.expire(principal.expiresAt, this.#clock.now());
    if (principal.expiresAt !== undefined) this.sink.sooner?.();
  }

  /**
   * Goes on as this principal, whose token is newer: what it may not have ends, the rest is not disturbed. Resolves when
   * that has been found out; throws `forbidden` for another user. Rules EXP-4, EXP-5.
   */
  async renew(principal: Principal): Promise<void> {
    if (this.isClosed) return;
    if (principal.user !== this.#principal.user) {
      throw new HoldfastError(
        "forbidden",
        "This connection is another user's, and stays so. Open one of its own for this token.",
      );
    }
    this.adopt(principal);
    await this.review();
    if (!this.isClosed && this.#clock.now() < this.#vitals.expiresAt) this.#setLapsed(false);
  }

  /** Ends the subscriptions and memberships that the principal may not have, or not any more. Rules AUTH-1, REV-5. */
  review(): Promise<void> {
    return this.#subscriptions.review();
  }

  /** Ends the connection of a principal that may not be here any more: it is told nothing more but why. Rule REV-4. */
  revoke(error: HoldfastError): void {
    if (this.isClosed) return;
    this.#subscriptions.expel();
    this.silence(error);
  }

  protected override release(): void {
    this.#subscriptions.releaseAll();
  }

  /** Something came from the client: a message, or a sign of life. Rule LIM-6. */
  heard(): void {
    const now = this.#clock.now();
    this.#vitals.heard(now);
    if (this.#intake.heard(now)) this.hubs.refused("messagesPerSecond");
  }

  /** The clock was moved by so much: what is due goes by the time that has passed, and nobody is judged by the rest. */
  clockSet(now: number, byMs: number): void {
    this.#vitals.clockSet(now, byMs);
    this.#intake.clockSet();
    if (now < this.#vitals.expiresAt) this.#setLapsed(false);
  }

  /** When `tick` must be called next, in ms since 1970. */
  get deadline(): number {
    return this.isClosed ? Number.POSITIVE_INFINITY : Math.min(this.#vitals.deadline, this.#intake.deadline);
  }

  tick(now: number): void {
    this.#intake.tick(now);
    while (!this.isClosed) {
      const due = this.#vitals.due(now);
      if (due.is === "nothing") return;
      if (due.is === "over") this.#over(due.error);
      else if (due.is === "lapsed") this.#setLapsed(true);
      else if (due.is === "leave") this.#leave();
      else if (due.is === "idle") this.#idle(now);
      else if (this.hasSpoken) this.#remind(due);
    }
  }

  #over(error: HoldfastError): void {
    if (error.limit !== undefined) this.hubs.refused(error.limit);
    this.close({ kind: "refused", error });
  }

  /** A connection that reads is of use, however little its client says. Rule LIM-7. */
  #idle(now: number): void {
    if (this.subscriptions > 0) this.#vitals.used(now);
    else this.#over(idleTooLong());
  }

  #remind(due: Due): void {
    if (due.is === "expiring") this.say({ type: "expiring", inMs: due.inMs });
    else if (!this.isFull) this.say({ type: "heartbeat", heads: this.#subscriptions.heads });
  }

  /** Was asked to go elsewhere, and is served until it does. */
  get isMoving(): boolean {
    return this.#moving !== undefined;
  }

  /** Why it was asked to go elsewhere, if it was. */
  get movesFor(): ReconnectReason | undefined {
    return this.#moving?.reason;
  }

  /**
   * Asks the client to go elsewhere in `delayMs`, and serves it until it does: for `graceMs` at most, or not at all where it
   * could not go before its connection has ended. Rules CALM-2, CALM-3.
   */
  move(delayMs: number, reason: ReconnectReason, graceMs: number): void {
    if (this.isClosed) return;
    this.#moving = { delayMs, reason };
    if (!this.moves || !this.hasSpoken) {
      this.#leave();
      return;
    }
    this.say({ type: "reconnect", delayMs, reason });
    this.#vitals.leaveBy(this.#clock.now() + delayMs + graceMs);
  }

  #leave(): void {
    if (this.#moving === undefined) {
      this.move(this.moves ? 0 : rotateDelayMs, "rotate", rotateGraceMs);
      return;
    }
    const { delayMs, reason } = this.#moving;
    // What it has asked for is answered; what it says from now on it says again elsewhere.
    this.holdInput(true);
    void this.#intake.answered().then(() => this.reconnect(delayMs, reason));
  }
}

function idleTooLong(): HoldfastError {
  return new HoldfastError("timed_out", "Nothing was subscribed here, nor asked, for too long.", {
    limit: "idleTimeoutMs",
  });
}
