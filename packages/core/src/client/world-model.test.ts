import assert from "node:assert/strict";
import { formatClientMessage } from "@holdfast/protocol";
import { toError } from "./incoming.ts";
import type { Transport } from "./ladder.ts";
import type { ConnectionOptions } from "./options.ts";
import { events, Rig, received, welcomeMessage } from "./rig.test.ts";

interface Session {
  readonly transport: Transport;
  readonly hello: { subscriptions: { channel: string; after: string }[] };
  /** Where the server's reader of each channel stands. */
  readonly cursors: Map<string, number>;
  /** How many of the messages sent to it the server has read. */
  read: number;
  isGreeted: boolean;
}

/** What a server does with a publish: answers, takes it without an answer, or refuses it, for a moment or for good. */
export type Mood = "well" | "mute" | "refuses" | "forbids";

const refusals = {
  refuses: { type: "error", code: "broker_unavailable", message: "", retry: "retry" },
  forbids: { type: "error", code: "forbidden", message: "", retry: "never" },
};

/**
 * A world of one client and one honest server with a network that does anything: it cuts, loses what was on its way,
 * answers late or not at all. The steps come from outside, so that a failure is a list of steps.
 */
export class World {
  readonly rig: Rig;
  readonly heads = new Map<string, number>();
  readonly #sessions = new Map<number, Session>();
  readonly #ids = new Map<string, number>();
  /** The log's position when each channel was first subscribed. */
  readonly #starts = new Map<string, number>();
  #read = 0;
  /** The channel of each publish, in their order. */
  readonly #published = new Map<number, string>();
  readonly answers = new Map<number, number>();
  readonly #posts: { post: number; path: string; body: string }[] = [];

  constructor(options: Partial<ConnectionOptions>, random: () => number) {
    this.rig = new Rig({ ...options, random });
  }

  /** Takes note of what the client did. */
  #look(): void {
    const { log, open } = this.rig;
    for (const effect of log.slice(this.#read)) {
      if (effect.type === "open") {
        const hello = JSON.parse(formatClientMessage(effect.hello));
        const { transport } = effect;
        this.#sessions.set(effect.link, { transport, hello, cursors: new Map(), read: 0, isGreeted: false });
      }
      if (effect.type === "post") this.#posts.push(effect);
      if (effect.type === "subscribed") this.#starts.set(effect.channel, offsetOf(effect.cursor));
      if (effect.type === "published" || effect.type === "unpublished") {
        assert.ok(!this.answers.has(effect.ref), "a publish is answered once");
        this.answers.set(
          effect.ref,
          effect.type === "published" ? offsetOf(effect.results[0]?.cursor ?? "") : -1,
        );
      }
    }
    this.#read = log.length;
    for (const link of this.#sessions.keys()) if (!open.has(link)) this.#sessions.delete(link);
  }

  #session(choice: number): [number, Session] | undefined {
    this.#look();
    const all = [...this.#sessions];
    return all[choice % Math.max(all.length, 1)];
  }

  subscribe(channel: string): void {
    try {
      this.rig.subscribe(channel);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "already_subscribed");
    }
  }

  append(channel: string, id?: string): number {
    const known = id === undefined ? undefined : this.#ids.get(id);
    if (known !== undefined) return known;
    const head = (this.heads.get(channel) ?? 0) + 1;
    this.heads.set(channel, head);
    if (id !== undefined) this.#ids.set(id, head);
    return head;
  }

  #appendAll(channel: string, events: readonly { id: string }[]): object[] {
    return events.map(({ id }) => ({ cursor: `k-${this.append(channel, id)}`, at: 0, duplicate: false }));
  }

  publish(channel: string): void {
    const ref = this.#published.size + 1;
    this.#published.set(ref, channel);
    this.rig.publish(ref, channel, ref);
  }

  /** The server accepts a link and answers its `hello`; a poll whole, with all there is. */
  greet(choice: number): void {
    const [link, session] = this.#session(choice) ?? [];
    if (link === undefined || session === undefined || session.isGreeted) return;
    session.isGreeted = true;
    const messages = [
      welcomeMessage(),
      ...session.hello.subscriptions.flatMap((one) => this.#join(session, one)),
    ];
    if (session.transport === "websocket" || session.transport === "sse") {
      this.rig.accept(link);
      this.rig.say(link, ...messages);
      return;
    }
    for (const channel of session.cursors.keys()) messages.push(...this.#batch(session, channel, 1000));
    this.rig.answer(link, false, ...messages);
  }

  #join(session: Session, { channel, after }: { channel: string; after: string }): object[] {
    const head = this.heads.get(channel) ?? 0;
    const from = after === "latest" ? head : offsetOf(after);
    session.cursors.set(channel, from);
    return [{ type: "subscribed", channel, cursor: `k-${from}`, head: `k-${head}` }];
  }

  #batch(session: Session, channel: string, lengthMax: number): object[] {
    const from = session.cursors.get(channel) ?? 0;
    const to = Math.min(this.heads.get(channel) ?? 0, from + lengthMax);
    session.cursors.set(channel, to);
    return from === to ? [] : [events(channel, from, to)];
  }

  /** The server writes a batch, and the network passes it on or not. */
  send(choice: number, channel: string, length: number, isLost: boolean): void {
    const [link, session] = this.#session(choice) ?? [];
    if (link === undefined || !session?.isGreeted || !session.cursors.has(channel)) return;
    const batch = this.#batch(session, channel, length);
    if (!isLost) this.rig.say(link, ...batch);
  }

  /** The server reads what the client said on a WebSocket. */
  listen(choice: number, mood: Mood): void {
    const [link, session] = this.#session(choice) ?? [];
    if (link === undefined || !session?.isGreeted) return;
    const message = this.rig.sent(link)[session.read];
    if (message === undefined) return;
    session.read++;
    if (message.type === "publish" && (mood === "refuses" || mood === "forbids")) {
      this.rig.say(link, { ...refusals[mood], ref: message["ref"] });
      return;
    }
    const answers = this.#answer(session, message);
    if (mood !== "mute" || message.type !== "publish") this.rig.say(link, ...answers);
  }

  #answer(session: Session, message: { type: string; [field: string]: unknown }): object[] {
    const { channel, ref } = message as { channel?: string; ref?: number };
    if (message.type === "ping") return [{ type: "pong" }];
    if (message.type === "subscribe") {
      return (message["subscriptions"] as Session["hello"]["subscriptions"]).flatMap((one) =>
        this.#join(session, one),
      );
    }
    if (message.type === "unsubscribe") {
      return (message["channels"] as string[]).map((one) => {
        session.cursors.delete(one);
        return { type: "unsubscribed", channel: one };
      });
    }
    const results = this.#appendAll(channel ?? "", message["events"] as { id: string }[]);
    return [{ type: "published", ref, results }];
  }

  /** The server takes a POST, and its answer arrives or not. */
  takePost(mood: Mood): void {
    this.#look();
    const next = this.#posts.shift();
    if (next === undefined) return;
    if (mood === "refuses" || mood === "forbids") {
      const error = toError(refusals[mood]);
      this.rig.turn((connection, now) => connection.posted(next.post, { type: "refused", error }, now));
      return;
    }
    const lines = next.body.trim().split("\n");
    const json = {
      results: this.#appendAll(
        next.path.split("/")[2] ?? "",
        lines.map((line) => JSON.parse(line)),
      ),
    };
    this.rig.turn((connection, now) =>
      connection.posted(
        next.post,
        mood === "mute" ? { type: "failed", reason: "cut" } : { type: "answered", json },
        now,
      ),
    );
  }

  /** For a moment all is well. */
  flow(channel: string, count: number, choice: number): void {
    this.probe(true);
    this.rig.advance(1_000);
    this.greet(choice);
    for (let i = 0; i < count; i++) this.append(channel);
    this.listen(choice, "well");
    this.send(choice, channel, count, false);
  }

  beat(choice: number): void {
    const [link, session] = this.#session(choice) ?? [];
    if (link === undefined || !session?.isGreeted) return;
    const heads = Object.fromEntries(
      [...session.cursors].map(([channel, offset]) => [channel, `k-${offset}`]),
    );
    this.rig.say(link, { type: "heartbeat", heads });
  }

  cut(choice: number): void {
    const [link] = this.#session(choice) ?? [];
    if (link !== undefined) this.rig.lose(link);
  }

  probe(works: boolean): void {
    if (this.rig.all("probe").length > 0) this.rig.probed(works);
  }

  /** Everything works from now on. */
  heal(): void {
    for (let round = 0; round < 60; round++) {
      this.rig.advance(1_000);
      this.probe(true);
      for (let choice = 0; choice < 2; choice++) {
        this.greet(choice);
        for (let i = 0; i < 10; i++) this.listen(choice, "well");
        for (const channel of this.heads.keys()) this.send(choice, channel, 1000, false);
        this.beat(choice);
      }
      for (let i = 0; i < 10; i++) this.takePost("well");
      this.rig.turn((connection, now) => {
        for (const channel of this.heads.keys()) connection.consumed(channel, 1000, now);
      });
    }
    this.#look();
  }

  /** Each event since the start, once, in order. */
  check(channel: string): void {
    const given = received(this.rig, channel);
    const start = this.#starts.get(channel);
    if (start === undefined) assert.deepEqual(given, []);
    else
      assert.deepEqual(
        given,
        given.map((_, index) => start + index + 1),
      );
  }

  checkComplete(channel: string): void {
    const start = this.#starts.get(channel);
    assert.ok(start !== undefined, `${channel} was joined`);
    assert.equal(received(this.rig, channel).length, (this.heads.get(channel) ?? 0) - start);
  }

  /** Each publish was answered, and those of a channel are in its log in their order. */
  checkPublishes(): void {
    const last = new Map<string, number>();
    for (const [ref, channel] of this.#published) {
      const offset = this.answers.get(ref);
      assert.ok(offset !== undefined, "every publish is answered");
      if (offset === -1) continue;
      assert.ok(offset > (last.get(channel) ?? 0), "in the order of publishing");
      last.set(channel, offset);
    }
  }
}

function offsetOf(cursor: string): number {
  return Number(cursor.split("-")[1]);
}
