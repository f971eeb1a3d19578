import {
  type Codec,
  type Draft,
  HoldfastError,
  isInstance,
  jsonCodec,
  parseChannelName,
} from "@holdfast/protocol";
import { Backoff } from "./backoff.ts";
import { Conversation } from "./conversation.ts";
import { Credential } from "./credential.ts";
import { type Effect, type Loss, type Posted, Turn } from "./effects.ts";
import { decodeIncoming } from "./incoming.ts";
import { candidates, Ladder } from "./ladder.ts";
import { Lifeline } from "./lifeline.ts";
import type { Link } from "./link.ts";
import type { ConnectionOptions } from "./options.ts";
import { Posts } from "./posts.ts";
import { Publishing } from "./publishing.ts";
import { Recovery } from "./recovery.ts";
import { ClosedError, type CloseReason, type ConnectionState, StateReporter } from "./state.ts";
import type { Wants } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";
import { defaultTiming, earliest, type Timing } from "./timing.ts";

/**
 * One client's connection to a server: many channels and publishes, over links that come and go.
 *
 * It is told what happens, and when; it answers with what is to be done (`effects`) and when to tell it that time has
 * passed (`deadline`). Given the same inputs it does the same: it has no clock, no chance and no sockets of its own.
 */
export class Connection {
  readonly #turn = new Turn();
  readonly #timing: Timing;
  readonly #credential: Credential;
  readonly #subscriptions: Subscriptions;
  readonly #publishing: Publishing;
  readonly #posts: Posts;
  readonly #ladder: Ladder;
  readonly #recovery: Recovery;
  readonly #lifeline: Lifeline;
  readonly #conversation: Conversation;
  readonly #reporter: StateReporter;
  #isOffline = false;
  #closed: CloseReason | undefined;

  /** Throws `bad_parameter`. */
  constructor(options: ConnectionOptions) {
    if (!isInstance(options.instance)) {
      throw new HoldfastError("bad_parameter", '"instance" is 8 to 64 of A-Z a-z 0-9 _ -.');
    }
    const { random, instance, client, toleranceMs } = options;
    const timing = { ...defaultTiming, ...options.timing };
    const turn = this.#turn;
    const { anonymous } = options;
    const isHeld = () => this.#lifeline.isHeld;
    const credential = new Credential({ turn, timing, random, anonymous, isHeld });
    const subscriptions = new Subscriptions(turn, timing, random, options.bufferedEventsMax ?? 1000);
    const publishing = new Publishing(turn, timing, random, options.pendingPublishesMax ?? 1000);
    const ladder = new Ladder(candidates(options), options.memory ?? { blocked: new Map() }, timing, random);
    const recovery = new Recovery(turn, ladder, timing, random);
    const renewBackoff = new Backoff(timing, random);
    const introduction = { instance, client };
    const refuse = (error: HoldfastError) => this.#refuse(error);
    const conversation = new Conversation({
      turn,
      credential,
      subscriptions,
      publishing,
      renewBackoff,
      introduction,
      refuse,
      replace: (link: Link) => this.#lifeline.replace(link),
    });
    const host = {
      hello: conversation.hello.bind(conversation),
      mayWait: () => !subscriptions.hasUnknownPosition,
      adopted: (link: Link) => this.#adopted(link),
      dropped: (link: Link) => publishing.linkLost(link),
      refused: refuse,
    };
    this.#timing = timing;
    this.#credential = credential;
    this.#subscriptions = subscriptions;
    this.#publishing = publishing;
    this.#posts = new Posts(turn, publishing, renewBackoff, instance);
    this.#ladder = ladder;
    this.#recovery = recovery;
    this.#reporter = new StateReporter(turn, timing.graceMs);
    this.#conversation = conversation;
    this.#lifeline = new Lifeline({
      turn,
      timing,
      ladder,
      recovery,
      credential,
      renewBackoff,
      toleranceMs,
      host,
    });
  }

  get state(): ConnectionState {
    return this.#reporter.state;
  }

  /** When `tick` is to be called at the latest; `Infinity` when nothing is to be waited for. */
  get deadline(): number {
    if (this.#closed !== undefined) return Infinity;
    return earliest(
      this.#lifeline.deadline,
      this.#subscriptions.deadline,
      this.#publishing.deadline,
      this.#posts.deadline,
      this.#credential.deadline,
      this.#reporter.deadline,
    );
  }

  /** What is to be done, in order. To be called after every turn: several inputs in one are answered together. */
  effects(now: number): readonly Effect[] {
    this.#at(now);
    if (this.#closed === undefined) this.#settle();
    return this.#turn.take();
  }

  // --- what the application asks ----------------------------------------------------------------

  /** Follows a channel; once on a connection. Throws `already_subscribed`, `bad_channel`. */
  subscribe(channel: string, wants: Wants, now: number): void {
    this.#at(now);
    this.#checkOpen();
    this.#subscriptions.add(parseChannelName(channel), wants);
  }

  unsubscribe(channel: string, now: number): void {
    this.#at(now);
    this.#subscriptions.remove(channel);
  }

  /** Asks for other things on a channel, from where it stands. */
  change(channel: string, wants: Partial<Omit<Wants, "start">>, now: number): void {
    this.#at(now);
    this.#subscriptions.change(channel, wants);
  }

  /** Joins a subscribed channel as a member with this data, or updates it; `undefined` leaves. Rule PRS-1. */
  join(channel: string, data: unknown, now: number): void {
    this.#at(now);
    this.#conversation.join(this.#lifeline.current, channel, data);
  }

  /** The application has taken `count` of the events given to it. */
  consumed(channel: string, count: number, now: number): void {
    this.#at(now);
    this.#subscriptions.consumed(channel, count);
  }

  /**
   * Publishes drafts as one batch, each with its id; answered by `published` or `unpublished` with this `ref`, which
   * grows from call to call. Throws `overloaded`, `bad_channel`, `bad_event`.
   */
  publish(
    ref: number,
    channel: string,
    drafts: readonly Draft[],
    ifMatch: string | undefined,
    now: number,
  ): void {
    this.#at(now);
    this.#checkOpen();
    this.#publishing.add(ref, parseChannelName(channel), drafts, ifMatch);
  }

  /** Nobody awaits this publish any more; it may have been published. */
  forgetPublish(ref: number, now: number): void {
    this.#at(now);
    this.#publishing.forget(ref);
  }

  /** Sends a signal; it is lost when the server cannot be reached now. Rule SIG-1. */
  signal(channel: string, key: string, data: unknown, now: number): void {
    this.#at(now);
    this.#checkOpen();
    const link = this.#lifeline.current;
    if (link !== undefined && this.#conversation.signal(link, channel, key, data)) return;
    this.#posts.signal(parseChannelName(channel), key, data);
  }

  /**
   * The application can give a better token now: asks for it, and goes on by it. A connection that the server closed is
   * open again, for new subscriptions. Throws `ClosedError` where the application closed it.
   */
  reauthenticate(now: number): void {
    this.#at(now);
    if (this.#closed?.type === "closed") this.#checkOpen();
    this.#closed = undefined;
    this.#credential.restart();
  }

  close(now: number): void {
    this.#at(now);
    this.#end({ type: "closed" });
  }

  // --- what the transports tell -----------------------------------------------------------------

  /** The transport was accepted, to be spoken in this codec; nothing of the protocol was heard yet. */
  linkOpened(id: number, now: number, codec: Codec = jsonCodec): void {
    this.#at(now);
    this.#lifeline.find(id)?.accepted(codec, now);
  }

  /** Part of an answer came that is no message yet. */
  linkHeard(id: number, now: number): void {
    this.#at(now);
    this.#lifeline.find(id)?.heard(now);
  }

  /** A message came, as its codec has read it; `size` is its length in bytes or characters, 0 where nobody counts. */
  linkMessage(id: number, json: unknown, now: number, size = 0): void {
    this.#at(now);
    const link = this.#lifeline.find(id);
    if (link === undefined) return;
    try {
      const message = decodeIncoming(json, size);
      this.#lifeline.heard(link, message);
      if (message !== undefined) this.#conversation.receive(link, message);
      this.#lifeline.advance(link);
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      this.#turn.emit({ type: "close", link: id });
      this.#lifeline.lost(link, { type: "failed", reason: error.message });
    }
  }

  /** A poll was answered to its end. */
  linkAnswered(id: number, more: boolean, now: number): void {
    this.#at(now);
    const link = this.#lifeline.find(id);
    if (link !== undefined) this.#lifeline.answered(link, more);
  }

  linkLost(id: number, loss: Loss, now: number): void {
    this.#at(now);
    const link = this.#lifeline.find(id);
    if (link !== undefined) this.#lifeline.lost(link, loss);
  }

  /** Whether plain HTTP to the origin works; `busyForMs` when a server answered that it takes nobody in before then. */
  probed(probe: number, works: boolean, now: number, busyForMs?: number): void {
    this.#at(now);
    this.#recovery.probed(probe, works, busyForMs);
  }

  tokenGiven(token: string, now: number): void {
    this.#at(now);
    const error = this.#credential.given(token);
    if (error !== undefined) {
      this.#refuse(error);
      return;
    }
    this.#publishing.release();
  }

  /** The application could not give a token now; it is asked again. */
  tokenFailed(now: number): void {
    this.#at(now);
    this.#credential.failed();
  }

  posted(post: number, posted: Posted, now: number): void {
    this.#at(now);
    const refusal = this.#posts.posted(post, posted);
    if (refusal !== undefined) this.#conversation.reauthenticate(refusal.token, refusal.error);
  }

  // --- what the device tells --------------------------------------------------------------------

  online(now: number): void {
    this.#at(now);
    this.#isOffline = false;
    this.#credential.hurry();
    this.#ladder.forget(now, this.#lifeline.current !== undefined);
    this.#publishing.release();
    this.#lifeline.wake(true);
  }

  offline(now: number): void {
    this.#at(now);
    this.#isOffline = true;
  }

  /** The page or the machine is back; `surely` when its connections cannot have lived on. */
  wake(surely: boolean, now: number): void {
    this.#at(now);
    this.#credential.hurry();
    this.#publishing.release();
    this.#lifeline.wake(surely);
  }

  /** Time has passed. */
  tick(now: number): void {
    const isLate = now > this.deadline + this.#timing.jumpMs;
    this.#at(now);
    if (this.#closed !== undefined) return;
    if (isLate) this.wake(false, now);
    this.#credential.tick();
    this.#publishing.tick();
    this.#posts.tick();
    this.#lifeline.tick();
  }

  // --- how it goes on ---------------------------------------------------------------------------

  #at(now: number): void {
    // A clock that is set back must not make anything wait for its past.
    if (now > this.#turn.now) this.#turn.now = now;
  }

  #settle(): void {
    this.#subscriptions.tick();
    const link = this.#lifeline.current;
    if (link !== undefined) {
      this.#conversation.reconcile(link);
      this.#conversation.renewToken(link);
    }
    const speaks = this.#lifeline.transport === "websocket";
    const isWanted = this.#subscriptions.open > 0 || this.#publishing.size > 0;
    this.#credential.isNeeded = isWanted;
    this.#lifeline.settle(this.#subscriptions.open > 0 || (speaks && isWanted));
    this.#flush();
    this.#reporter.update(this.#currentState());
  }

  #flush(): void {
    const link = this.#lifeline.current;
    if (link?.transport === "websocket") {
      this.#publishing.flushTo(link);
    } else if (this.#lifeline.transport !== "websocket") {
      this.#posts.flushPublishes(this.#credential);
    }
    this.#posts.flushSignals(this.#credential);
  }

  #adopted(link: Link): void {
    this.#subscriptions.review(link);
    this.#publishing.release();
  }

  #currentState(): ConnectionState {
    const link = this.#lifeline.current;
    if (link !== undefined) return { type: "live", transport: link.transport };
    if (this.#lifeline.isIdle) return { type: "idle" };
    if (this.#isOffline) return { type: "offline" };
    const failures = this.#recovery.failures + this.#credential.failures;
    return { type: this.#lifeline.wasLive ? "recovering" : "connecting", failures };
  }

  #refuse(error: HoldfastError): void {
    this.#end({ type: error.retry === "reauthenticate" ? "reauthenticate" : "never", error });
  }

  #end(reason: CloseReason): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#lifeline.release();
    this.#posts.clear();
    if (reason.type !== "closed") this.#subscriptions.refuseAll(reason.error);
    this.#publishing.close((sent) => (reason.type === "closed" ? new ClosedError(sent) : reason.error));
    this.#reporter.update({ type: "closed", reason });
  }

  #checkOpen(): void {
    if (this.#closed?.type === "closed") throw new ClosedError(false);
    if (this.#closed !== undefined) throw this.#closed.error;
  }
}
