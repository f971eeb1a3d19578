import assert from "node:assert/strict";
import { type Draft, formatClientMessage, toPayload } from "@holdfast/protocol";
import { Connection } from "./connection.ts";
import type { Effect } from "./effects.ts";
import type { ConnectionOptions } from "./options.ts";
import type { Wants } from "./subscription.ts";

type Kind = Effect["type"];
type EffectOf<Type extends Kind> = Extract<Effect, { type: Type }>;

const heartbeatMs = 15_000;
export const limits = { messageBytesMax: 1_048_576, subscriptionsMax: 1024, publishEventsMax: 1000 };

/** Drives a connection by hand, in virtual time, as a shell and a server would. */
export class Rig {
  now = 0;
  readonly connection: Connection;
  /** Links the shell holds open. */
  readonly open = new Map<number, EffectOf<"open">>();
  /** All effects ever, with their time. */
  readonly log: (Effect & { readonly now: number })[] = [];
  #read = 0;
  /** How long the server says that the token is good for. */
  expiresInMs: number | undefined;

  constructor(options: Partial<ConnectionOptions> = {}) {
    this.connection = new Connection({
      instance: "instance-1",
      anonymous: true,
      need: "receive",
      toleranceMs: 1000,
      random: () => 0.5,
      ...options,
    });
  }

  /** One turn: some inputs, then their effects. */
  turn(inputs: (connection: Connection, now: number) => void): void {
    inputs(this.connection, this.now);
    for (const effect of this.connection.effects(this.now)) this.#perform(effect);
    assert.ok(this.connection.deadline > this.now, "a deadline that is past already would be a busy loop");
    assert.ok(this.open.size <= 2, "there are never more than two links");
  }

  #perform(effect: Effect): void {
    this.log.push({ ...effect, now: this.now });
    if (effect.type === "open") this.open.set(effect.link, effect);
    if (effect.type === "close") assert.ok(this.open.delete(effect.link), "closes only what is open");
    if (effect.type === "send") assert.ok(this.open.has(effect.link), "sends only on what is open");
  }

  /** Lets time pass, calling `tick` whenever it is due. */
  advance(ms: number): void {
    const until = this.now + ms;
    while (this.connection.deadline <= until) {
      this.now = Math.max(this.now, this.connection.deadline);
      this.turn((connection, now) => connection.tick(now));
    }
    this.now = until;
  }

  /** Lets time pass until another link is opened. */
  reopen(): void {
    const opened = this.all("open").length;
    while (this.all("open").length === opened) {
      assert.ok(this.connection.deadline < this.now + 60_000, "something is going to happen");
      this.now = this.connection.deadline;
      this.turn((connection, now) => connection.tick(now));
    }
  }

  /** The machine sleeps: time passes, and nothing is called until it is over. */
  sleep(ms: number): void {
    this.now += ms;
    this.turn((connection, now) => connection.tick(now));
  }

  /** The effects of a kind since this was last asked. */
  news<Type extends Kind>(...types: readonly Type[]): EffectOf<Type>[] {
    const news = this.log.slice(this.#read);
    this.#read = this.log.length;
    const wanted = news.filter((effect): effect is EffectOf<Type> & { now: number } =>
      types.includes(effect.type as Type),
    );
    return wanted.map(({ now: _, ...effect }) => effect as unknown as EffectOf<Type>);
  }

  all<Type extends Kind>(type: Type): (EffectOf<Type> & { readonly now: number })[] {
    return this.log.filter((effect): effect is EffectOf<Type> & { now: number } => effect.type === type);
  }

  /** The newest link. */
  get link(): number {
    const link = [...this.open.keys()].at(-1);
    assert.ok(link !== undefined, "a link is open");
    return link;
  }

  get transport(): string | undefined {
    return this.open.get(this.link)?.transport;
  }

  /** What the newest link said first. */
  get hello(): { token?: string; instance: string; subscriptions: { channel: string; after?: string }[] } {
    return this.#asSent(this.link);
  }

  #asSent(link: number): typeof this.hello {
    const hello = this.open.get(link)?.hello;
    assert.ok(hello !== undefined, "the link is open");
    return JSON.parse(formatClientMessage(hello));
  }

  /** What was sent on a link after its `hello`. */
  sent(link: number): { type: string; [field: string]: unknown }[] {
    return this.all("send")
      .filter((effect) => effect.link === link)
      .map((effect) => JSON.parse(String(effect.message)));
  }

  /** Follows some channels, asked for in one turn. */
  subscribe(channels: string | readonly string[], wants: Partial<Wants> = {}): void {
    const all: Wants = { start: { after: "latest" }, signals: false, presence: false, ...wants };
    this.turn((connection, now) => {
      for (const channel of [channels].flat()) connection.subscribe(channel, all, now);
    });
  }

  publish(ref: number, channel: string, ...data: unknown[]): void {
    const drafts: Draft[] = data.map((one, index) => ({ payload: toPayload(one), id: `id-${ref}-${index}` }));
    this.turn((connection, now) => connection.publish(ref, channel, drafts, undefined, now));
  }

  say(link: number, ...messages: unknown[]): void {
    this.turn((connection, now) => {
      for (const message of messages) connection.linkMessage(link, message, now);
    });
  }

  accept(link = this.link): number {
    this.turn((connection, now) => connection.linkOpened(link, now));
    return link;
  }

  /** The server accepts the newest link and answers every subscription, at these heads. */
  welcome(heads: Record<string, string> = {}, link = this.link): number {
    const { subscriptions } = this.#asSent(link);
    this.accept(link);
    this.say(link, this.welcomed);
    for (const { channel, after } of subscriptions) {
      const cursor = after?.includes("-") ? after : (heads[channel] ?? "k-0");
      this.say(link, { type: "subscribed", channel, cursor, head: heads[channel] ?? cursor });
    }
    return link;
  }

  /** What the server says first. */
  get welcomed(): object {
    const { expiresInMs } = this;
    return { ...welcomeMessage(), ...(expiresInMs === undefined ? {} : { expiresInMs }) };
  }

  /** A poll was answered. */
  answer(link: number, more: boolean, ...messages: unknown[]): void {
    this.open.delete(link);
    this.turn((connection, now) => {
      connection.linkOpened(link, now);
      for (const message of messages) connection.linkMessage(link, message, now);
      connection.linkAnswered(link, more, now);
    });
  }

  /** The newest link is accepted and then stays silent, while plain HTTP works: proof against its transport. */
  swallow(): void {
    this.accept();
    this.advance(5_000);
    this.probed(true);
  }

  lose(link = this.link, reason = "cut"): void {
    this.open.delete(link);
    this.turn((connection, now) => connection.linkLost(link, { type: "failed", reason }, now));
  }

  /** Answers the probe that is under way. */
  probed(works: boolean, busyForMs?: number): void {
    const probe = this.all("probe").at(-1);
    assert.ok(probe !== undefined, "a probe is under way");
    this.turn((connection, now) => connection.probed(probe.probe, works, now, busyForMs));
  }
}

export function welcomeMessage(): object {
  return { type: "welcome", protocol: 1, session: "s", heartbeatMs, limits };
}

/** A batch of `k`, with an event at each offset after `from` up to `to`. */
export function events(channel: string, from: number, to: number, epoch = "k"): object {
  const list = Array.from({ length: to - from }, (_, index) => ({
    cursor: `${epoch}-${from + index + 1}`,
    at: 0,
    data: from + index + 1,
  }));
  return { type: "events", channel, from: `${epoch}-${from}`, to: `${epoch}-${to}`, events: list };
}

/** What the application was given of a channel, in order. */
export function received(rig: Rig, channel: string): unknown[] {
  return rig.log.flatMap((effect) => {
    if (effect.type === "events" && effect.channel === channel) return effect.events.map(({ data }) => data);
    return effect.type === "gap" && effect.channel === channel ? [`gap ${effect.from} ${effect.to}`] : [];
  });
}
