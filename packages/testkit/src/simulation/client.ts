import type { CloseReason } from "@holdfast/core/client";
import { type Draft, HoldfastError, parsePosition, type Start } from "@holdfast/protocol";
import type { PublishAudit } from "../history/publish-audit.ts";
import type { ReaderAudit } from "../history/reader-audit.ts";
import { Device, type DeviceHost, type DeviceOptions, type News } from "./device.ts";
import type { Random } from "./random.ts";

export interface ClientHost extends DeviceHost {
  /** How long the application takes with what it was given. */
  readonly thinkMsMax: number;
  /** Events of one channel that an application has to hold at most. */
  readonly heldEventsMax: number;
}

/** A channel that the application reads. */
interface Following {
  readonly start: Start;
  readonly audit: ReaderAudit;
  /** Given to the application, and not taken by it. */
  held: number;
  isTaking: boolean;
}

type NewsOf<Type extends News["type"]> = Extract<News, { type: Type }>;

/** An application that reads and publishes through the client's core, and writes down what it was told. */
export class Client {
  readonly device: Device;
  readonly name: string;
  readonly #host: ClientHost;
  readonly #random: Random;
  readonly #publishing: PublishAudit;
  readonly #followings = new Map<string, Following>();
  /** Channels that it was refused, and where it goes on once it may. */
  readonly #refused = new Map<string, Start>();
  readonly #published = new Map<number, { channel: string; drafts: readonly Draft[] }>();
  #refs = 0;
  #ids = 0;
  #isPaused = false;

  constructor(host: ClientHost, options: DeviceOptions) {
    this.name = options.name;
    this.#host = host;
    this.#random = host.random.fork();
    const user = host.authority === undefined ? undefined : options.name;
    this.#publishing = host.checker.publisher(options.name, user);
    this.device = new Device(host, options, this.#random, (news) => this.#told(news));
  }

  #told(news: News): void {
    switch (news.type) {
      case "state":
        this.#host.count(`state ${news.state.type}`);
        if (news.state.type === "closed" && news.state.reason.type !== "closed")
          this.#closed(news.state.reason);
        break;
      case "published":
        this.#published.delete(news.ref);
        this.#publishing.published(news.ref, news.results);
        if (news.results.some(({ duplicate }) => duplicate)) this.#host.count("published, as a duplicate");
        break;
      case "unpublished":
        this.#unpublished(news);
        break;
      case "warning":
        this.#host.count(`warning: ${news.error.code}`);
        break;
      default:
        this.#given(news);
    }
  }

  #given(news: Exclude<News, NewsOf<"state" | "published" | "unpublished" | "warning">>): void {
    const following = this.#followings.get(news.channel);
    if (following === undefined) {
      const what = `${this.name} was given "${news.type}" of ${news.channel}, which it does not read`;
      this.#host.checker.fail("WIRE", what);
      return;
    }
    const { audit } = following;
    switch (news.type) {
      case "subscribed":
        audit.subscribed(news.cursor);
        break;
      case "events":
        audit.events(news.events, news.cursor);
        following.held += news.events.length;
        this.#host.checker.bound(
          () => `what ${this.name} holds of ${news.channel}`,
          following.held,
          this.#host.heldEventsMax,
        );
        this.#take(news.channel, following);
        break;
      case "gap":
        audit.gap(news.from, news.to, news.reason);
        this.#host.count(`gap ${news.reason}`);
        break;
      case "end":
        audit.end(news.cursor);
        this.#host.count("end");
        break;
      case "refused":
        this.#refuse(news, following);
        break;
      default:
    }
  }

  #refuse({ channel, error }: NewsOf<"refused">, { audit, start }: Following): void {
    audit.stop();
    const isForbidden = error.code === "forbidden" && this.#host.authority?.wasForbidden(this.name, channel);
    if (error.retry !== "reauthenticate" && !isForbidden) {
      this.#host.checker.fail("GAP", `${this.name} was refused ${channel}: ${error.message}`);
    }
    this.#host.count(`refused: ${error.code}`);
    this.#refused.set(channel, audit.position === undefined ? start : { after: audit.position });
    this.#followings.delete(channel);
    this.device.turn((connection, now) => connection.unsubscribe(channel, now));
    this.#askAgain(channel);
  }

  /** Asks again for what was refused, from where it stood, once it may read that. */
  #askAgain(channel: string): void {
    this.#host.timeline.after(this.#random.between(500, 3000), () => {
      const start = this.#refused.get(channel);
      if (start === undefined) return;
      if (this.#canAct && this.#host.authority?.mayRead(this.name, channel)) this.subscribe(channel, start);
      else this.#askAgain(channel);
    });
  }

  /** The server takes none of its tokens: somebody signs in anew. Rule CLI-13. */
  #closed({ type, error }: Exclude<CloseReason, { type: "closed" }>): void {
    if (type !== "reauthenticate" || this.#host.authority?.mayBeClosed(this.name) !== true) {
      this.#host.checker.fail("AUTH", `${this.name} was closed for ${type}: ${error.message}`);
    }
    this.#host.timeline.after(this.#random.between(100, 2000), () => this.#signIn());
  }

  #signIn(): void {
    this.#host.count("signed in anew");
    this.device.turn((connection, now) => connection.reauthenticate(now));
  }

  /** What it reads, it may read, or asks for again. */
  get isWhole(): boolean {
    return this.#refused.size === 0;
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
      this.device.turn((connection, now) => connection.consumed(channel, count, now));
      this.#take(channel, following);
    });
  }

  get #canAct(): boolean {
    return !this.device.isAsleep && !this.device.isClosed;
  }

  subscribe(channel: string, start: Start): void {
    if (this.#followings.has(channel) || !this.#canAct) return;
    this.#refused.delete(channel);
    const audit = this.#host.checker.reader(this.name, channel, start);
    this.#followings.set(channel, { start, audit, held: 0, isTaking: false });
    const wants = { start, signals: false, presence: false };
    this.device.turn((connection, now) => connection.subscribe(channel, wants, now));
  }

  /** Answers where it stood, if it got anywhere. */
  unsubscribe(channel: string): string | undefined {
    this.#refused.delete(channel);
    const following = this.#followings.get(channel);
    if (following === undefined || this.device.isAsleep) return undefined;
    following.audit.stop();
    const left = this.positionOf(channel);
    this.#followings.delete(channel);
    this.device.turn((connection, now) => connection.unsubscribe(channel, now));
    return left;
  }

  /** Where it stands in a channel. */
  positionOf(channel: string): string | undefined {
    const position = this.#followings.get(channel)?.audit.position;
    return position && `${position.epoch}-${position.offset}`;
  }

  /** Reads a channel after a cursor that it was told. */
  resume(channel: string, cursor: string): void {
    this.subscribe(channel, { after: parsePosition(cursor) });
  }

  /** Stops taking what it is given, or goes on. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused;
    if (isPaused) return;
    for (const [channel, following] of this.#followings) this.#take(channel, following);
  }

  publish(channel: string, drafts: readonly Omit<Draft, "id">[], ifMatch?: string): void {
    if (!this.#canAct) return;
    const identified = drafts.map((draft) => ({ ...draft, id: `${this.name}-${this.#ids++}` }));
    this.#send(channel, identified, ifMatch, false);
  }

  #send(channel: string, drafts: readonly Draft[], ifMatch: string | undefined, isRepeat: boolean): void {
    const ref = this.#refs++;
    this.#publishing.publish(ref, channel, drafts, ifMatch, isRepeat);
    this.#published.set(ref, { channel, drafts });
    this.device.turn((connection, now) => {
      try {
        connection.publish(ref, channel, drafts, ifMatch, now);
      } catch (error) {
        this.#published.delete(ref);
        this.#publishing.declined(ref, error);
      }
    });
  }

  /** The application gives up, or publishes once more what it does not know the fate of. Rule ACK-2. */
  #unpublished({ ref, error }: NewsOf<"unpublished">): void {
    const publish = this.#published.get(ref);
    this.#published.delete(ref);
    this.#publishing.unpublished(ref, error);
    const code = error instanceof HoldfastError ? error.code : error.name;
    this.#host.count(`unpublished: ${code}`);
    if (publish === undefined || code !== "timed_out" || !this.#random.chance(0.5)) return;
    this.#host.timeline.after(1, () => {
      if (this.#canAct) this.#send(publish.channel, publish.drafts, undefined, true);
    });
  }

  /** Its device is well again, and it wants to know how things stand. */
  heal(): void {
    this.device.heal();
    this.pause(false);
  }

  close(): void {
    this.#refused.clear();
    for (const { audit } of this.#followings.values()) audit.stop();
    this.device.turn((connection, now) => connection.close(now));
  }
}
