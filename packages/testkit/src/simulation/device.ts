import { Connection, type Effect, type Timing, type Transport } from "@holdfast/core/client";
import type { MessageForm } from "@holdfast/core/server";
import {
  type Codec,
  formatClientMessage,
  type Hello,
  jsonCodec,
  type ServerMessage,
} from "@holdfast/protocol";
import { msgpackCodec, readPackedMessage } from "@holdfast/protocol/msgpack";
import type { Checker } from "../history/checker.ts";
import { WireAudit } from "../history/wire-audit.ts";
import type { Authority } from "./authority.ts";
import { type LinkHearer, readAnswer, readPosted, readStream, readWebSocket } from "./client-lines.ts";
import type { Down, Line, Request } from "./line.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

export interface DeviceHost {
  readonly timeline: Timeline;
  readonly checker: Checker;
  readonly random: Random;
  /** Opens a line to whatever node answers. */
  dial(client: string, request: Request, receive: (item: Down) => void): Line;
  /** Undefined: nobody needs a token. */
  readonly authority: Authority | undefined;
  /** The probability that a line the client closed still delivers what was on its way. */
  readonly lateDelivery: number;
  /** Whether what was to move a reader vanishes between the line and the client's core. */
  loses(): boolean;
  trace(line: () => string): void;
  /** Something happened that a set of worlds should have seen. */
  count(what: string): void;
  /** Let a test break the client on purpose. */
  effect(effect: Effect): readonly Effect[];
  hello(hello: Hello): Hello;
}

export interface DeviceOptions {
  readonly name: string;
  readonly transports: readonly Transport[];
  readonly form?: MessageForm;
  readonly toleranceMs: number;
  readonly timing: Partial<Timing>;
  readonly bufferedEventsMax: number;
  readonly pendingPublishesMax: number;
}

type EffectOf<Type extends Effect["type"]> = Extract<Effect, { type: Type }>;

/** What the client's core tells its application. */
export type News = Exclude<
  Effect,
  EffectOf<"open" | "send" | "pause" | "close" | "probe" | "token" | "post">
>;

/** A POST that was not answered for so long counts as failed. */
const postTimeoutMs = 8000;

/** The client's core with lines in the place of sockets, as a browser tab or a process runs it. */
export class Device {
  readonly name: string;
  readonly #host: DeviceHost;
  readonly #random: Random;
  /** What its WebSockets speak. */
  readonly #form: MessageForm;
  readonly #codec: Codec;
  readonly #connection: Connection;
  readonly #told: (news: News) => void;
  readonly #links = new Map<number, { readonly line: Line; readonly wire: WireAudit }>();
  /** While the machine sleeps, what happens waits. */
  #asleep: (() => void)[] | undefined;
  #planned: { readonly at: number; readonly cancel: () => void } | undefined;
  #isOffline = false;

  constructor(host: DeviceHost, options: DeviceOptions, random: Random, told: (news: News) => void) {
    this.name = options.name;
    this.#host = host;
    this.#random = random;
    this.#form = options.form ?? "json";
    this.#codec = this.#form === "msgpack" ? msgpackCodec : jsonCodec;
    this.#told = told;
    const chance = random.fork();
    this.#connection = new Connection({
      instance: `instance-${options.name}`,
      anonymous: host.authority === undefined,
      need: "duplex",
      toleranceMs: options.toleranceMs,
      transports: options.transports,
      random: () => chance.next(),
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

  get isAsleep(): boolean {
    return this.#asleep !== undefined;
  }

  /** Everything that happens to the core happens in a turn, after which it says what is to be done. */
  turn(input: (connection: Connection, now: number) => void): void {
    if (this.#asleep !== undefined) {
      this.#asleep.push(() => this.turn(input));
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
    this.turn((connection, now) => connection.tick(now));
    if (this.#connection.deadline > this.#now) return;
    this.#host.checker.fail("LIVE", `${this.name}: a deadline that stays past is a busy loop`);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "open":
        this.#open(effect);
        break;
      case "send":
        this.#send(effect);
        break;
      case "pause":
        this.#pause(effect);
        break;
      case "close":
        this.#links.get(effect.link)?.line.hangUp(this.#random.chance(this.#host.lateDelivery));
        this.#links.delete(effect.link);
        break;
      case "probe":
        this.#probe(effect);
        break;
      case "token":
        this.#host.timeline.after(this.#random.below(500), () => this.#giveToken());
        break;
      case "post":
        this.#post(effect);
        break;
      default:
        this.#host.trace(() => `${this.name} is told ${JSON.stringify(effect)}`);
        this.#told(effect);
    }
  }

  #open({ link, transport, hello: meant, waitMs }: EffectOf<"open">): void {
    const hello = this.#host.hello(meant);
    this.#host.trace(() => `${this.name} opens ${transport} ${link}: ${JSON.stringify(hello)}`);
    const wire = new WireAudit(`${this.name}/${transport}${link}`, this.#host.checker.fail);
    wire.asked(hello);
    const hearer = this.#hearer(link, transport, wire);
    const line = this.#dial(transport, hello, waitMs, hearer);
    this.#links.set(link, { line, wire });
  }

  #dial(transport: Transport, message: Hello, waitMs: number, hearer: LinkHearer): Line {
    const { dial, random } = this.#host;
    const hello = formatClientMessage(message);
    if (transport === "sse") return dial(this.name, { kind: "stream", hello }, readStream(hearer, random));
    if (transport !== "websocket")
      return dial(this.name, { kind: "answer", hello, waitMs }, readAnswer(hearer));
    const line = dial(
      this.name,
      { kind: "websocket", form: this.#form },
      readWebSocket(hearer, this.#codec, () => line.say(this.#codec.encode(message))),
    );
    return line;
  }

  #hearer(link: number, transport: Transport, wire: WireAudit): LinkHearer {
    const tell = (what: () => string, input: (connection: Connection, now: number) => void) => {
      this.#host.trace(() => `${this.name} ${transport} ${link} ${what()}`);
      this.turn(input);
    };
    const over = () => this.#links.delete(link);
    return {
      opened: () =>
        tell(
          () => "opened",
          (connection, now) =>
            connection.linkOpened(link, now, transport === "websocket" ? this.#codec : jsonCodec),
        ),
      heard: () => this.turn((connection, now) => connection.linkHeard(link, now)),
      message: (json) => {
        const message = json as ServerMessage;
        wire.said(message);
        if ((message.type === "events" || message.type === "gap") && this.#host.loses()) {
          this.#host.count(`"${message.type}" lost`);
          this.#host.trace(() => `${this.name} ${transport} ${link} loses ${JSON.stringify(json)}`);
          return;
        }
        this.#host.count(`"${message.type}" over ${transport}`);
        tell(
          () => `hears ${JSON.stringify(json)}`,
          (connection, now) => connection.linkMessage(link, json, now),
        );
      },
      answered: (more) => {
        over();
        tell(
          () => `answered, ${more ? "more" : "all"}`,
          (connection, now) => connection.linkAnswered(link, more, now),
        );
      },
      lost: (loss) => {
        over();
        tell(
          () => `lost: ${JSON.stringify(loss)}`,
          (connection, now) => connection.linkLost(link, loss, now),
        );
      },
    };
  }

  #send({ link, message }: EffectOf<"send">): void {
    const open = this.#links.get(link);
    open?.wire.asked(typeof message === "string" ? JSON.parse(message) : readPackedMessage(message).fields);
    open?.line.say(message);
  }

  #pause({ link, isPaused }: EffectOf<"pause">): void {
    this.#host.count(isPaused ? "stream paused" : "stream read on");
    const { down } = this.#links.get(link)?.line ?? {};
    if (isPaused) down?.hold("pause");
    else down?.release("pause");
  }

  #probe({ probe }: EffectOf<"probe">): void {
    this.#request({ kind: "probe" }, (item) => {
      const works = item.is === "body" && item.status === 200;
      this.turn((connection, now) => connection.probed(probe, works, now));
    });
  }

  #post({ path, body, headers, token, post }: EffectOf<"post">): void {
    this.#host.trace(() => `${this.name} posts ${post}: ${body}`);
    this.#request({ kind: "post", path, body, headers, token }, (item) => {
      this.#host.trace(() => `${this.name} post ${post} answered: ${JSON.stringify(item)}`);
      this.turn((connection, now) => connection.posted(post, readPosted(item), now));
    });
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

  #giveToken(): void {
    const token = this.#host.authority?.token(this.name, this.#random);
    if (token === "never") return;
    this.#host.trace(() => `${this.name} is given ${token ?? "no token"}`);
    this.turn((connection, now) => {
      if (token === undefined) connection.tokenFailed(now);
      else connection.tokenGiven(token, now);
    });
  }

  /** The network is gone, or back; `isTold` when the device says so. */
  setOffline(isOffline: boolean, isTold: boolean): void {
    this.#isOffline = isOffline;
    if (isOffline) for (const { line } of this.#links.values()) line.cut({ client: isTold, server: false });
    if (isTold)
      this.turn((connection, now) => (isOffline ? connection.offline(now) : connection.online(now)));
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

  heal(): void {
    this.wake();
    if (this.#isOffline) this.setOffline(false, true);
  }
}
