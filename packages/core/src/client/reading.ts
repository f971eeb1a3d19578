import { type HoldfastError, parseCursor } from "@holdfast/protocol";
import type { Turn } from "./effects.ts";
import { type Batch, type Incoming, toError } from "./incoming.ts";
import { type Attachment, isBeingLeft, type Link } from "./link.ts";
import type { Subscription } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";

type Message<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;

/** What a server's messages mean to the subscriptions: the one way into the application. Rules CLI-1 and CLI-2. */
export class Reading {
  readonly #turn: Turn;
  readonly #subscriptions: Subscriptions;

  constructor(turn: Turn, subscriptions: Subscriptions) {
    this.#turn = turn;
    this.#subscriptions = subscriptions;
  }

  /** Takes a message about channels. Answers with an error when only another token can help. */
  receive(link: Link, message: Incoming): HoldfastError | undefined {
    switch (message.type) {
      case "batch":
        this.#events(link, message.batch);
        return undefined;
      case "subscribed":
        this.#subscribed(link, message);
        return undefined;
      case "gap":
        this.#gap(link, message);
        return undefined;
      case "end":
        this.#end(link, message);
        return undefined;
      case "heartbeat":
        this.#heads(link, message);
        return undefined;
      case "signal":
        // What is ephemeral may pass.
        if (this.#reader(link, message.channel) !== undefined) this.#turn.emit(message);
        return undefined;
      case "presence":
        if (this.#follower(link, message.channel) !== undefined) this.#turn.emit(message);
        return undefined;
      case "unsubscribed":
        return this.#unsubscribed(link, message);
      case "error":
        return message.channel === undefined
          ? undefined
          : this.#failed(link, message.channel, toError({ ...message }));
      default:
        return undefined;
    }
  }

  /** The subscription that takes what this link says of the channel. */
  #reader(link: Link, channel: string): Subscription | undefined {
    const place = link.place(channel);
    const subscription = this.#subscriptions.get(channel);
    if (place?.state !== "attached" && place?.state !== "draining") return undefined;
    if (place.subscription !== subscription) return undefined;
    return subscription.isTaking ? subscription : undefined;
  }

  /**
   * The same, for what is said once. A link whose word was not taken has lost its reader there: what it says later need
   * not show that something is missing, and after an end there is nothing later.
   */
  #follower(link: Link, channel: string): Subscription | undefined {
    const subscription = this.#reader(link, channel);
    if (subscription === undefined) this.#lose(link, channel);
    return subscription;
  }

  #events(link: Link, batch: Batch): void {
    const { channel } = batch;
    const subscription = this.#follower(link, channel);
    if (subscription === undefined) return;
    const before = subscription.position;
    const events = subscription.take(batch, this.#turn.count);
    if (events === "hole") this.#hole(link, subscription);
    const cursor = subscription.positionText;
    if (events === "hole" || cursor === undefined || subscription.position === before) return;
    link.fruitful = true;
    this.#turn.emit({ type: "events", channel, events, cursor });
    if (!subscription.isActive) this.#subscriptions.touch(channel);
  }

  #subscribed(link: Link, { channel, cursor, head }: Message<"subscribed">): void {
    const place = link.place(channel);
    if (place?.state !== "awaiting") return;
    link.move(channel, { state: "attached" });
    const { subscription } = place;
    if (subscription === this.#subscriptions.get(channel) && subscription.subscribed(parseCursor(cursor))) {
      link.fruitful = true;
      this.#turn.emit({ type: "subscribed", channel, cursor: subscription.positionText ?? cursor, head });
    }
  }

  #gap(link: Link, { channel, from, to, reason }: Message<"gap">): void {
    const subscription = this.#follower(link, channel);
    if (subscription === undefined) return;
    const gap = subscription.skip(parseCursor(from), parseCursor(to), reason);
    if (gap === "hole") this.#hole(link, subscription);
    if (gap === "hole" || gap === undefined) return;
    link.fruitful = true;
    this.#turn.emit({ type: "gap", ...gap });
  }

  #end(link: Link, { channel, cursor }: Message<"end">): void {
    const subscription = this.#follower(link, channel);
    if (subscription === undefined) return;
    // An end that lies elsewhere than its reader would hide what it missed.
    if (subscription.positionText !== cursor) {
      this.#hole(link, subscription);
      return;
    }
    link.fruitful = true;
    link.leave(channel);
    this.#subscriptions.finish(subscription, { type: "ended", cursor });
    this.#turn.emit({ type: "end", channel, cursor });
  }

  /** Everything up to each head was sent on this link; who stands elsewhere has missed something. Rule BEAT-2. */
  #heads(link: Link, { heads }: Message<"heartbeat">): void {
    for (const channel in heads) {
      const head = heads[channel];
      const subscription = this.#reader(link, channel);
      if (subscription === undefined || subscription.positionText === head) continue;
      if (link.place(channel)?.state === "draining") continue;
      const { epoch, offset } = parseCursor(head);
      const { position } = subscription;
      // Further than this link: another one was faster.
      if (position?.epoch === epoch && position.offset >= offset) continue;
      this.#hole(link, subscription);
    }
  }

  /** What came does not continue what was read: leaves this link's reader, and reads again from the position. */
  #hole(link: Link, { channel }: Subscription): void {
    if (this.#lose(link, channel) === "lost") this.#subscriptions.trouble(channel, true);
  }

  /** Nothing that comes on this link continues what was read any more; one that is being left already, is left. */
  #lose(link: Link, channel: string): Attachment | undefined {
    const state = link.place(channel)?.state;
    if (state === "attached") link.move(channel, { state: "lost" });
    if (state === "draining") link.move(channel, { state: "leaving" });
    return link.place(channel)?.state;
  }

  #unsubscribed(link: Link, { channel, code, reason }: Message<"unsubscribed">): HoldfastError | undefined {
    const place = link.place(channel);
    link.leave(channel);
    this.#subscriptions.touch(channel);
    if (place === undefined || isBeingLeft(place)) return undefined;
    link.fruitful = true;
    return this.#refused(place.subscription, toError({ code: code ?? "internal", message: reason }));
  }

  /** Rules SES-7 and SUB-4: a request about this channel failed, and nothing else. */
  #failed(link: Link, channel: string, error: HoldfastError): HoldfastError | undefined {
    const place = link.place(channel);
    if (error.code === "not_subscribed") {
      // It answers an `unsubscribe` that crossed the server's own: by now the channel may be asked for again.
      if (place !== undefined && isBeingLeft(place)) link.leave(channel);
      this.#subscriptions.touch(channel);
      return undefined;
    }
    if (place?.state === "awaiting") {
      link.leave(channel);
      return this.#refused(place.subscription, error);
    }
    if (place?.state === "attached") this.#turn.emit({ type: "warning", channel, error });
    return undefined;
  }

  #refused(subscription: Subscription, error: HoldfastError): HoldfastError | undefined {
    const { channel } = subscription;
    if (subscription !== this.#subscriptions.get(channel) || subscription.isFinal) return undefined;
    if (error.retry === "never") {
      this.#subscriptions.finish(subscription, { type: "refused", error });
      this.#turn.emit({ type: "refused", channel, error });
      return undefined;
    }
    this.#subscriptions.trouble(channel, false);
    return error.retry === "reauthenticate" ? error : undefined;
  }
}
