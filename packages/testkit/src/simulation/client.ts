import { Connection, type Effect, type Timing, type Transport } from "@holdfast/core/client";
import { type Draft, HoldfastError, parsePosition, type ServerMessage, type Start } from "@holdfast/protocol";
import type { Checker } from "./checker.ts";
import { type LinkHearer, readAnswer, readPosted, readStream, readWebSocket } from "./client-lines.ts";
import type { Down, Line, Request } from "./line.ts";
import type { PublishAudit } from "./publish-audit.ts";
import type { Random } from "./random.ts";
import type { ReaderAudit } from "./reader-audit.ts";
import type { Timeline } from "./timeline.ts";
import { WireAudit } from "./wire-audit.ts";

export interface ClientHost {
  readonly timeline: Timeline;
  readonly checker: Checker;
  readonly random: Random;
  /** Opens a line to whatever node answers. */
  dial(client: string, request: Request, receive: (item: Down) => void): Line;
  /** How long the application takes with what it was given. */
  readonly thinkMsMax: number;
  readonly tokenLifeMs: number | undefined;
  /** The probability that a line the client closed still delivers what was on its way. */
  readonly lateDelivery: number;
  /** Events of one channel that an application has to hold at most. */
  readonly heldEventsMax: number;
  trace(line: () => string): void;
  /** Lets a test break the client on purpose. */
  effect(effect: Effect): readonly Effect[];
  hello(text: string): string;
}

export interface ClientOptions {
  readonly name: string;
  readonly transports: readonly Transport[];
  readonly toleranceMs: number;
  readonly timing: Partial<Timing>;
  readonly bufferedEventsMax: number;
  readonly pendingPublishesMax: number;
}

/** A POST that was not answered for so long counts as failed. */
const postTimeoutMs = 8000;

/** A channel that the application reads. */
interface Following {
  readonly audit: ReaderAudit;
  /** Given to the application, and not taken by it. */
  held: number;
  isTaking: boolean;
}

/** The client's core with an application on top of it and lines below it, as a browser tab or a process runs it. */
export class Client {
  readonly name: string;
  readonly publishing: PublishAudit;
  readonly #host: ClientHost;
  readonly #random: Random;
  readonly #connection: Connection;
  readonly #links = new Map<number, { readonly line: Line; readonly wire: WireAudit }>();
  readonly #followings = new Map<string, Following>();
  readonly #published = new Map<number, { channel: string; drafts: readonly Draft[] }>();
  #refs = 0;
  #ids = 0;
  #isPaused = false;
  /** While the machine sleeps, what happens waits. */
  #asleep: (() => void)[] | undefined;
  #planned: { readonly at: number; readonly cancel: () => void } | undefined;
  #isOffline = false;

  constructor(host: ClientHost, options: ClientOptions) {
    this.name = options.name;
    this.#host = host;
    this.#random = host.random.fork();
    const user = host.tokenLifeMs === undefined ? undefined : options.name;
    this.publishing = host.checker.publisher(options.name, user);
    const random = this.#random.fork();
    this.#connection = new Connection({
      instance: `instance-${options.name}`,
      anonymous: host.tokenLifeMs === undefined,
      need: "duplex",
      toleranceMs: options.toleranceMs,
      transports: options.transports,
      random: () => random.next(),
      timing: options.timing,
      bufferedEventsMax: options.bufferedEventsMax,
      pendingPublishesMax: options.pendingPublishesMax,
    });
  }

  get #now(): number {
    return this.#host.timeline.now;
  }

  get isClosed(): boolean {
    return this.#connection.state.type === "closed";
  }

  /** Everything that happens to the core happens in a turn, after which it says what is to be done. */
  #turn(input: (connection: Connection, now: number) => void): void {
    if (this.#asleep !== undefined) {
      this.#asleep.push(() => this.#turn(input));
      return;
    }
    input(this.#connection, this.#now);
    for (const meant of this.#connection.effects(this.#now)) {
      for (const effect of this.#host.effect(meant)) this.#perform(effect);
    }
    this.#arm();
  }

  #arm(): void {
    const { deadline } = this.#connection;
    if (this.#planned?.at === deadline) return;
    this.#planned?.cancel();
    this.#planned = undefined;
    if (deadline === Number.POSITIVE_INFINITY) return;
    // A timer fires late, never early.
    const at = Math.max(deadline, this.#now + 1) + this.#random.below(5);
    const cancel = this.#host.timeline.at(at, () => {
      this.#planned = undefined;
      this.#tick();
    });
    this.#planned = { at: deadline, cancel };
  }

  #tick(): void {
    if (this.#asleep !== undefined) return;
    this.#turn((connection, now) => connection.tick(now));
    const { deadline } = this.#connection;
    if (deadline <= this.#now)
      this.#host.checker.fail("LIVE", `${this.name}: a deadline that stays past is a busy loop`);
  }

  #perform(effect: Effect): void {
    const { timeline, trace } = this.#host;
    switch (effect.type) {
      case "open":
        this.#open(effect);
        return;
      case "send": {
        const link = this.#links.get(effect.link);
        link?.wire.asked(effect.text);
        link?.line.say(effect.text);
        return;
      }
      case "close":
        this.#links.get(effect.link)?.line.hangUp(this.#random.chance(this.#host.lateDelivery));
        this.#links.delete(effect.link);
        return;
      case "probe":
        this.#request({ kind: "probe" }, (item) =>
          this.#turn((connection, now) =>
            connection.probed(effect.probe, item.is === "body" && item.status === 200, now),
          ),
        );
        return;
      case "token":
        timeline.after(this.#random.below(500), () => this.#giveToken());
        return;
      case "post":
        this.#post(effect);
        return;
      case "state":
        trace(() => `${this.name} is ${JSON.stringify(effect.state)}`);
        return;
      case "published":
        this.#published.delete(effect.ref);
        trace(() => `${this.name} published ${effect.ref}: ${effect.results.map(({ cursor }) => cursor)}`);
        this.publishing.published(effect.ref, effect.results);
        return;
      case "unpublished":
        this.#unpublished(effect.ref, effect.error);
        return;
      default:
        this.#deliver(effect);
        return;
    }
  }

  #open({ link, transport, hello: text, waitMs }: Extract<Effect, { type: "open" }>): void {
    const { checker, trace, random } = this.#host;
    const hello = this.#host.hello(text);
    const wire = new WireAudit(`${this.name}/${transport}${link}`, checker.fail);
    wire.asked(hello);
    trace(() => `${this.name} opens ${transport} ${link}: ${hello}`);
    const tell = (what: string, input: (connection: Connection, now: number) => void) => {
      trace(() => `${this.name} ${transport} ${link} ${what}`);
      this.#turn(input);
    };
    const over = () => {
      this.#links.delete(link);
    };
    const hearer: LinkHearer = {
      opened: () => tell("opened", (connection, now) => connection.linkOpened(link, now)),
      heard: () => this.#turn((connection, now) => connection.linkHeard(link, now)),
      message: (json) => {
        wire.said(json as ServerMessage);
        tell(`hears ${JSON.stringify(json)}`, (connection, now) => connection.linkMessage(link, json, now));
      },
      answered: (more) => {
        over();
        tell(`answered, ${more ? "more" : "all"}`, (connection, now) =>
          connection.linkAnswered(link, more, now),
        );
      },
      lost: (loss) => {
        over();
        tell(`lost: ${JSON.stringify(loss)}`, (connection, now) => connection.linkLost(link, loss, now));
      },
    };
    let line: Line;
    if (transport === "websocket") {
      line = this.#host.dial(
        this.name,
        { kind: "websocket" },
        readWebSocket(hearer, () => line.say(hello)),
      );
    } else if (transport === "sse") {
      line = this.#host.dial(this.name, { kind: "stream", hello }, readStream(hearer, random));
    } else {
      line = this.#host.dial(this.name, { kind: "answer", hello, waitMs }, readAnswer(hearer));
    }
    this.#links.set(link, { line, wire });
  }

  /** A request that is answered once, or counts as failed after a while. */
  #request(request: Request, answered: (item: Down) => void): void {
    let isDone = false;
    const done = (item: Down) => {
      if (isDone) return;
      isDone = true;
      cancel();
      answered(item);
    };
    const line = this.#host.dial(this.name, request, done);
    const cancel = this.#host.timeline.after(postTimeoutMs, () => {
      line.hangUp(false);
      done({ is: "reset" });
    });
  }

  #post(effect: Extract<Effect, { type: "post" }>): void {
    const { path, body, headers, token, post } = effect;
    this.#host.trace(() => `${this.name} posts ${post}: ${body}`);
    this.#request({ kind: "post", path, body, headers, token }, (item) => {
      this.#host.trace(() => `${this.name} post ${post} answered: ${JSON.stringify(item)}`);
      this.#turn((connection, now) => connection.posted(post, readPosted(item), now));
    });
  }

  #giveToken(): void {
    const { tokenLifeMs } = this.#host;
    this.#turn((connection, now) => {
      if (tokenLifeMs === undefined || this.#random.chance(0.05)) connection.tokenFailed(now);
      else connection.tokenGiven(`${this.name}.${now + tokenLifeMs}`, now);
    });
  }

  #deliver(effect: Effect): void {
    if (!("channel" in effect)) return;
    const following = this.#followings.get(effect.channel);
    const { checker, heldEventsMax, trace } = this.#host;
    trace(() => `${this.name} is given ${JSON.stringify(effect)}`);
    if (following === undefined) {
      checker.fail(
        "WIRE",
        `${this.name} was given "${effect.type}" of ${effect.channel}, which it does not read`,
      );
      return;
    }
    const { audit } = following;
    switch (effect.type) {
      case "subscribed":
        audit.subscribed(effect.cursor);
        return;
      case "events":
        audit.events(effect.events, effect.cursor);
        following.held += effect.events.length;
        checker.bound(() => `what ${this.name} holds of ${effect.channel}`, following.held, heldEventsMax);
        this.#take(effect.channel, following);
        return;
      case "gap":
        audit.gap(effect.from, effect.to, effect.reason);
        return;
      case "end":
        audit.end(effect.cursor);
        return;
      case "refused":
        this.#refused(audit, effect.error);
        return;
      default:
    }
  }

  #refused(audit: ReaderAudit, error: HoldfastError): void {
    audit.stop();
    if (error.code !== "unauthenticated") {
      this.#host.checker.fail("GAP", `${this.name} was refused ${audit.channel}: ${error.message}`);
    }
  }

  /** The application takes what it was given, in its own time. */
  #take(channel: string, following: Following): void {
    if (this.#isPaused || following.isTaking || following.held === 0) return;
    following.isTaking = true;
    this.#host.timeline.after(this.#random.next() * this.#host.thinkMsMax, () => {
      following.isTaking = false;
      if (this.#isPaused || this.#followings.get(channel) !== following) return;
      const count = this.#random.between(1, following.held);
      following.held -= count;
      this.#turn((connection, now) => connection.consumed(channel, count, now));
      this.#take(channel, following);
    });
  }

  // --- what the application does ---------------------------------------------------------------

  /** Reads a channel, from where it stood when it read it before or from somewhere else. */
  subscribe(channel: string, start: Start): void {
    if (this.#followings.has(channel) || this.#asleep || this.isClosed) return;
    const audit = this.#host.checker.reader(this.name, channel, start);
    this.#followings.set(channel, { audit, held: 0, isTaking: false });
    this.#turn((connection, now) =>
      connection.subscribe(channel, { start, signals: false, presence: false }, now),
    );
  }

  unsubscribe(channel: string): void {
    const following = this.#followings.get(channel);
    if (following === undefined || this.#asleep) return;
    following.audit.stop();
    this.#followings.delete(channel);
    this.#turn((connection, now) => connection.unsubscribe(channel, now));
  }

  /** Where it stands in a channel. */
  positionOf(channel: string): string | undefined {
    const position = this.#followings.get(channel)?.audit.position;
    return position && `${position.epoch}-${position.offset}`;
  }

  startAt(text: string): Start {
    return { after: parsePosition(text) };
  }

  /** Stops or goes on taking what it is given. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) return;
    for (const [channel, following] of this.#followings) this.#take(channel, following);
  }

  publish(channel: string, drafts: readonly Omit<Draft, "id">[], ifMatch?: string): void {
    if (this.#asleep || this.isClosed) return;
    this.#send(
      channel,
      drafts.map((draft) => ({ ...draft, id: `${this.name}-${this.#ids++}` })),
      ifMatch,
      false,
    );
  }

  #send(channel: string, drafts: readonly Draft[], ifMatch: string | undefined, isRepeat: boolean): void {
    const ref = this.#refs++;
    this.publishing.publish(ref, channel, drafts, ifMatch, isRepeat);
    this.#published.set(ref, { channel, drafts });
    this.#turn((connection, now) => {
      try {
        connection.publish(ref, channel, drafts, ifMatch, now);
      } catch (error) {
        this.#published.delete(ref);
        this.publishing.declined(ref, error);
      }
    });
  }

  /** The application gives up, or publishes once more what it does not know the fate of. Rule ACK-2. */
  #unpublished(ref: number, error: Error): void {
    const publish = this.#published.get(ref);
    this.#published.delete(ref);
    this.#host.trace(() => `${this.name} could not publish ${ref}: ${error.message}`);
    this.publishing.unpublished(ref, error);
    const isUnknown = error instanceof HoldfastError && error.code === "timed_out";
    if (publish === undefined || !isUnknown || !this.#random.chance(0.5)) return;
    const { channel, drafts } = publish;
    this.#host.timeline.after(1, () => {
      if (!this.isClosed) this.#send(channel, drafts, undefined, true);
    });
  }

  // --- what happens to its device --------------------------------------------------------------

  /** The network is gone, or back; `isTold` when the device says so. */
  setOffline(isOffline: boolean, isTold: boolean): void {
    this.#isOffline = isOffline;
    if (isOffline) for (const { line } of this.#links.values()) line.cut({ client: isTold, server: false });
    if (!isTold) return;
    this.#turn((connection, now) => (isOffline ? connection.offline(now) : connection.online(now)));
  }

  sleep(): void {
    this.#asleep ??= [];
  }

  /** The machine wakes up: timers that are long due and what came meanwhile, in whatever order. */
  wake(): void {
    const waiting = this.#asleep;
    if (waiting === undefined) return;
    this.#asleep = undefined;
    const isTimerFirst = this.#random.chance(0.5);
    if (isTimerFirst) this.#tick();
    for (const one of waiting) one();
    if (!isTimerFirst) this.#tick();
  }

  /** Its device and its application are well. */
  heal(): void {
    this.wake();
    if (this.#isOffline) this.setOffline(false, true);
    this.pause(false);
  }

  close(): void {
    for (const { audit } of this.#followings.values()) audit.stop();
    this.#turn((connection, now) => connection.close(now));
  }
}
