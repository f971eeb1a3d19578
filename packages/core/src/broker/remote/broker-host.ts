import { toHoldfastError } from "@holdfast/protocol";
import type { Broker } from "../port.ts";
import { Feed, type FeedListener } from "./feed.ts";
import type { Answers, BrokerDescription, Call, LogNotice, Reply, Request } from "./messages.ts";

/** A way to a remote broker. */
export interface ReplyLine {
  /** What was sent has not been taken: whatever can be read from the log later is not sent now. */
  readonly isFull: boolean;
  /** Takes a reply: each once, in the order in which they are given. */
  send(reply: Reply): void;
}

export interface BrokerHostOptions {
  readonly broker: Broker;
  /** Asks for `flush` at the end of this tick; not asked again before it was called. */
  schedule(): void;
  /** Hears of what the broker throws that is no outcome. */
  readonly onError?: (fault: unknown) => void;
}

/** One remote broker, as its host sees it. */
export interface Guest {
  receive(request: Request): void;
  /** Its line is not full any more. */
  drained(): void;
  /** Its line is no more. */
  gone(): void;
}

/**
 * Serves a broker to others that are elsewhere. Each log is followed once, however many of them follow it, and told in one
 * message a tick.
 *
 * To one whose line is full notices are not kept: once it has drained it is told that it may have missed something, or that the log has ended, either of which makes it read.
 */
export class BrokerHost {
  readonly #options: BrokerHostOptions;
  readonly #feeds = new Map<string, Feed>();
  #dirty = new Set<Feed>();

  constructor(options: BrokerHostOptions) {
    this.#options = options;
  }

  get description(): BrokerDescription {
    const { name, capabilities } = this.#options.broker;
    return { name, capabilities: { ...capabilities, shared: true } };
  }

  /** Channels that are followed for somebody. */
  get followed(): number {
    return this.#feeds.size;
  }

  /** Lets a remote broker in. */
  welcome(line: ReplyLine): Guest {
    return new Visit(line, this.#options, {
      feed: (channel) => this.#feed(channel),
      vacated: (feed) => this.#vacated(feed),
    });
  }

  /** Tells what has happened to the logs since the last flush. */
  flush(): void {
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const feed of dirty) feed.flush();
  }

  #feed(channel: string): Feed {
    let feed = this.#feeds.get(channel);
    if (feed === undefined) {
      const opened = new Feed(channel, this.#options.broker, () => {
        if (this.#dirty.size === 0) this.#options.schedule();
        this.#dirty.add(opened);
      });
      feed = opened;
      this.#feeds.set(channel, feed);
    }
    return feed;
  }

  #vacated(feed: Feed): void {
    if (!feed.isVacant || this.#feeds.get(feed.channel) !== feed) return;
    this.#feeds.delete(feed.channel);
    feed.stop();
  }
}

interface VisitHost {
  feed(channel: string): Feed;
  /** Somebody has left it. */
  vacated(feed: Feed): void;
}

class Visit implements Guest, FeedListener {
  readonly #line: ReplyLine;
  readonly #options: BrokerHostOptions;
  readonly #host: VisitHost;
  readonly #followed = new Set<Feed>();
  /** Channels of which it was not told everything, and whether their end was among it. */
  readonly #missed = new Map<string, { isClosed: boolean }>();
  #isGone = false;

  constructor(line: ReplyLine, options: BrokerHostOptions, host: VisitHost) {
    this.#line = line;
    this.#options = options;
    this.#host = host;
  }

  receive(request: Request): void {
    if (this.#isGone) return;
    if (request.ask === "leave") this.gone();
    else if ("id" in request) void this.#answer(request);
    else this.#unfollow(request.channel);
  }

  async #answer(request: Call & { readonly id: number }): Promise<void> {
    const { id } = request;
    let reply: Reply;
    try {
      reply = { is: "answer", id, value: await this.#call(request) };
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (error.code === "internal") this.#options.onError?.(error.cause ?? error);
      const { code, message, cursor } = error;
      reply = { is: "refusal", id, code, message, ...(cursor === undefined ? {} : { cursor }) };
    }
    if (!this.#isGone) this.#line.send(reply);
  }

  #call(call: Call): Promise<Answers[keyof Answers]> {
    const { broker } = this.#options;
    switch (call.ask) {
      case "append":
        return broker.append(call.channel, call.drafts, call.ifMatch);
      case "read":
        return broker.read(call.channel, call.after, call.limits);
      case "before":
        return broker.before(call.channel, call.count);
      case "range":
        return broker.range(call.channel);
      case "state":
        return broker.state(call.channel);
      case "close":
        return broker.close(call.channel);
      case "follow":
        return this.#follow(call.channel);
      case "probe":
        return broker.probe().then(() => null);
    }
  }

  async #follow(channel: string): Promise<Answers["follow"]> {
    const feed = this.#host.feed(channel);
    this.#followed.add(feed);
    try {
      return await feed.enter(this);
    } catch (error) {
      this.#checkVacant(feed);
      throw error;
    }
  }

  #unfollow(channel: string): void {
    const feed = this.#host.feed(channel);
    feed.leave(this);
    this.#checkVacant(feed);
  }

  #checkVacant(feed: Feed): void {
    if (!feed.hears(this)) {
      this.#followed.delete(feed);
      this.#missed.delete(feed.channel);
    }
    this.#host.vacated(feed);
  }

  tell(notice: LogNotice): void {
    const { channel, is } = notice;
    let missed = this.#missed.get(channel);
    if (missed === undefined) {
      if (!this.#line.isFull) {
        this.#line.send(notice);
        return;
      }
      missed = { isClosed: false };
      this.#missed.set(channel, missed);
    }
    missed.isClosed ||= is === "closed";
  }

  drained(): void {
    for (const [channel, { isClosed }] of this.#missed) {
      if (this.#line.isFull) return;
      this.#missed.delete(channel);
      this.#line.send({ is: isClosed ? "closed" : "disturbed", channel });
    }
  }

  gone(): void {
    this.#isGone = true;
    this.#missed.clear();
    for (const feed of this.#followed) {
      feed.forget(this);
      this.#host.vacated(feed);
    }
    this.#followed.clear();
  }
}
