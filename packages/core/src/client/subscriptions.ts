import { HoldfastError } from "@holdfast/protocol";
import { Backoff } from "./backoff.ts";
import type { Turn } from "./effects.ts";
import { type Attachment, isBeingLeft, type Link, type Place } from "./link.ts";
import { Subscription, type Wants } from "./subscription.ts";
import type { Timing } from "./timing.ts";

/** All channels of a connection: what each wants, and what its link must be told so that it gets that. */
export class Subscriptions {
  readonly #turn: Turn;
  readonly #bufferedMax: number;
  readonly #backoff: Backoff;
  readonly #all = new Map<string, Subscription>();
  /** Channels whose place on the link in use must be looked at; nothing ever looks at all of them for one event. */
  readonly #changed = new Set<string>();
  /** Channels that failed, and wait for `#retryAt` together. */
  readonly #troubled = new Set<string>();
  #retryAt: number | undefined;
  #lastTroubleAt = -Infinity;
  #open = 0;

  constructor(turn: Turn, timing: Timing, random: () => number, bufferedMax: number) {
    this.#turn = turn;
    this.#bufferedMax = bufferedMax;
    this.#backoff = new Backoff(timing, random);
  }

  /** How many are neither ended nor refused. */
  get open(): number {
    return this.#open;
  }

  get deadline(): number {
    return this.#retryAt ?? Infinity;
  }

  get(channel: string): Subscription | undefined {
    return this.#all.get(channel);
  }

  /** Throws `already_subscribed`. */
  add(channel: string, wants: Wants): void {
    if (this.#all.has(channel)) {
      throw new HoldfastError("already_subscribed", `"${channel}" is subscribed on this connection.`);
    }
    this.#all.set(channel, new Subscription(channel, wants, this.#bufferedMax));
    this.#open++;
    this.#changed.add(channel);
  }

  remove(channel: string): void {
    const subscription = this.#all.get(channel);
    if (subscription === undefined) return;
    if (!subscription.isFinal) this.#open--;
    this.#all.delete(channel);
    this.#forget(channel);
  }

  /** Other wants, from the same position. Answers with what is wanted now. */
  change(channel: string, wants: Partial<Wants>): Wants | undefined {
    const subscription = this.#all.get(channel);
    if (subscription === undefined) return undefined;
    subscription.wants = { ...subscription.wants, ...wants };
    this.#changed.add(channel);
    return subscription.wants;
  }

  consumed(channel: string, count: number): void {
    if (this.#all.get(channel)?.consumed(count)) this.#changed.add(channel);
  }

  /** Its place on the link in use must be looked at. */
  touch(channel: string): void {
    this.#changed.add(channel);
  }

  finish(subscription: Subscription, phase: Subscription["phase"]): void {
    if (!subscription.isFinal) this.#open--;
    subscription.phase = phase;
    this.#forget(subscription.channel);
  }

  #forget(channel: string): void {
    this.#troubled.delete(channel);
    this.#changed.add(channel);
  }

  /** Nothing can be had any more. */
  refuseAll(error: HoldfastError): void {
    for (const subscription of this.#all.values()) {
      if (subscription.isFinal) continue;
      this.finish(subscription, { type: "refused", error });
      this.#turn.emit({ type: "refused", channel: subscription.channel, error });
    }
  }

  /** It left its link and is asked for again after a while; at once when `prompt` and nothing was wrong lately. */
  trouble(channel: string, prompt: boolean): void {
    const { now } = this.#turn;
    this.#changed.add(channel);
    this.#troubled.add(channel);
    this.#backoff.held(now - this.#lastTroubleAt);
    this.#lastTroubleAt = now;
    this.#retryAt ??= now + this.#backoff.next(prompt && this.#backoff.failures === 0 ? 0 : undefined);
  }

  /** Asks again for the channels whose time has come. */
  tick(): void {
    if (this.#retryAt === undefined || this.#retryAt > this.#turn.now) return;
    this.#retryAt = undefined;
    for (const channel of this.#troubled) this.#changed.add(channel);
    this.#troubled.clear();
  }

  /** Puts every channel that is wanted on a link not yet opened. Answers what its `hello` says. */
  attachAll(link: Link): readonly Record<string, unknown>[] {
    const said: Record<string, unknown>[] = [];
    link.clear();
    for (const subscription of this.#all.values()) {
      if (!this.#isWanted(subscription)) continue;
      link.join(subscription);
      said.push(subscription.toWire());
    }
    return said;
  }

  /** Whether some channel has no position yet, so that the answer must not be held back. Rule READ-1. */
  get hasUnknownPosition(): boolean {
    for (const subscription of this.#all.values()) {
      if (subscription.position === undefined && this.#isWanted(subscription)) return true;
    }
    return false;
  }

  /** A link comes into use: channels may have come and gone while it was opened. */
  review(link: Link): void {
    for (const channel of this.#all.keys()) this.#changed.add(channel);
    for (const channel of link.channels) this.#changed.add(channel);
  }

  /** Brings the link in use in line with what is wanted; answers what a WebSocket must be told. */
  reconcile(link: Link): { readonly join: readonly Subscription[]; readonly leave: readonly string[] } {
    const join: Subscription[] = [];
    const leave: string[] = [];
    for (const channel of this.#changed) {
      const subscription = this.#all.get(channel);
      const wanted = subscription !== undefined && this.#isWanted(subscription) ? subscription : undefined;
      if (link.transport !== "websocket") this.#reconcileStream(link, channel, wanted);
      else if (isToLeave(link.place(channel), wanted)) leave.push(channel);
      else if (wanted !== undefined && link.place(channel) === undefined) join.push(wanted);
    }
    if (this.#changed.size > 0 && link.transport === "sse") this.#pace(link);
    this.#changed.clear();
    for (const channel of leave) link.move(channel, { state: this.#stateOfLeft(link, channel) });
    for (const subscription of join) link.join(subscription);
    return { join, leave };
  }

  /** An HTTP transport cannot be told anything: what must change, changes with the next stream. Rule SES-3. */
  #reconcileStream(link: Link, channel: string, wanted: Subscription | undefined): void {
    const place = link.place(channel);
    if (place?.state === "draining" && place.subscription === wanted && place.wants === wanted.wants) {
      // Its application has caught up before the server could hear of it, and nothing is missing.
      link.move(channel, { state: "attached" });
      return;
    }
    const isTaken = place?.state === "awaiting" || place?.state === "attached";
    const isTakenFor = isTaken && place.subscription === wanted;
    if (wanted !== undefined && !(isTakenFor && place.wants === wanted.wants)) link.stale = true;
    if (place === undefined || isBeingLeft(place) || isTakenFor) return;
    // Nothing but backpressure is needed where nobody else is held up by it.
    if (wanted === undefined && isTaken && this.#isStalled(link)) return;
    // What will be asked for again needs no stream of its own before that.
    if (place.state === "lost" && this.#troubled.has(channel)) return;
    link.move(channel, { state: this.#stateOfLeft(link, channel) });
    // A poll says it with the next request; a stream would go on sending.
    if (link.transport === "sse") link.stale = true;
  }

  /** A stream is pulled, so one of which nobody takes anything is not read, and its server waits. */
  #pace(link: Link): void {
    const isPaused = this.#isStalled(link);
    if (isPaused === link.isPaused) return;
    link.pause(isPaused, this.#turn.now);
    this.#turn.emit({ type: "pause", link: link.id, isPaused });
  }

  /** Whether it is a stream, and the application lags with all that it carries. */
  #isStalled(link: Link): boolean {
    if (link.transport !== "sse") return false;
    let isCarrying = false;
    for (const channel of link.channels) {
      const place = link.place(channel);
      const subscription = this.#all.get(channel);
      if (place?.state !== "attached" || place.subscription !== subscription) return false;
      if (subscription.phase.type !== "parked") return false;
      isCarrying = true;
    }
    return isCarrying;
  }

  /** What is on its way on a link that was whole still continues what its lagging application was given. */
  #stateOfLeft(link: Link, channel: string): Attachment {
    const place = link.place(channel);
    const isParked = place?.subscription.phase.type === "parked";
    const isWhole = place?.state === "attached" && place.subscription === this.#all.get(channel);
    return isParked && isWhole ? "draining" : "leaving";
  }

  #isWanted(subscription: Subscription): boolean {
    return subscription.isActive && !this.#troubled.has(subscription.channel);
  }
}

/** Whether a WebSocket must be told to leave a channel, be it only to join it again. */
function isToLeave(place: Place | undefined, wanted: Subscription | undefined): boolean {
  if (place === undefined || isBeingLeft(place)) return false;
  return place.state === "lost" || place.subscription !== wanted || place.wants !== wanted.wants;
}
