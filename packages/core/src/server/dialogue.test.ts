import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import type { Gate, Principal } from "./principal.ts";
import { type Client, type ClientOptions, numbered, numbers, World } from "./world.test-support.ts";

/** Knows tokens, and answers at once or when the test says. */
class TokenGate implements Gate {
  readonly principals = new Map<string | undefined, Principal>([["good", { user: "ada" }]]);
  readonly asked: (string | undefined)[] = [];
  readonly waiting: (() => void)[] = [];
  isSlow = false;
  may: (principal: Principal, channel: string) => boolean = () => true;

  async authenticate(token: string | undefined): Promise<Principal> {
    this.asked.push(token);
    if (this.isSlow) await new Promise<void>((resolve) => this.waiting.push(resolve));
    const principal = this.principals.get(token);
    if (principal === undefined) throw new HoldfastError("unauthenticated", "The token is not valid.");
    return principal;
  }

  authorize(principal: Principal, _action: string, channel: string): boolean {
    return this.may(principal, channel);
  }
}

function connect(world: World, options: ClientOptions = {}): Client {
  return world.client({ greets: true, hears: false, ...options });
}

function hello(...channels: string[]): object {
  return { type: "hello", subscriptions: channels.map((channel) => ({ channel })) };
}

const codeOf = ({ sink }: Client) => sink.farewell?.kind === "refused" && sink.farewell.error.code;

describe("hello", () => {
  test("[SES-2] is answered by `welcome` before anything else, at once", async () => {
    const world = new World();
    const expiresAt = world.clock.now() + 1_000_000;
    const gate = new TokenGate();
    gate.principals.set("good", { user: "ada", expiresAt });
    const follow = world.broker.hold("follow");
    const client = connect(world, { gate });
    client.say({ ...hello("a"), token: "good" });
    await world.settle();
    const { messageBytesMax, subscriptionsMax, publishEventsMax, heartbeatMs } = world.limits;
    assert.deepEqual(client.messages, [
      {
        type: "welcome",
        protocol: 1,
        session: "session-0",
        heartbeatMs,
        limits: { messageBytesMax, subscriptionsMax, publishEventsMax },
        user: "ada",
        expiresAt,
      },
    ]);
    follow.release();
    await world.settle();
    assert.deepEqual(client.told, ["welcome", "subscribed k-0"]);
  });

  test("[SES-1] anything before it is bad_message, and closes", async () => {
    for (const message of [
      { type: "ping" },
      { type: "subscribe", subscriptions: [{ channel: "a" }] },
      { type: "publish", ref: 1, channel: "no channel", events: [] },
      { type: "dance" },
    ]) {
      const world = new World();
      const client = connect(world);
      client.say(message);
      client.say(hello("a"));
      await world.settle();
      assert.deepEqual(
        [client.told, codeOf(client)],
        [["error bad_message"], "bad_message"],
        JSON.stringify(message),
      );
    }
  });

  test("[SES-1] [SES-4] what is no message closes as well, before it, and does not after", async () => {
    const world = new World();
    const early = connect(world);
    early.say("not JSON");
    assert.deepEqual([early.told, codeOf(early)], [["error bad_json"], "bad_json"]);
    const binary = connect(world);
    binary.dialogue.refuse(new HoldfastError("bad_json", "Messages are text."));
    assert.equal(codeOf(binary), "bad_json");
    const late = connect(world);
    late.say(hello());
    await world.settle();
    late.say("not JSON");
    late.dialogue.refuse(new HoldfastError("bad_json", "Messages are text."));
    late.say({ type: "ping" });
    assert.deepEqual(late.told, ["welcome", "error bad_json", "error bad_json", "pong"]);
    assert.equal(late.sink.farewell, undefined);
  });

  test("[SES-1] [SES-4] a second one closes, well formed or not", async () => {
    for (const again of [hello(), { type: "hello", token: 5 }]) {
      const world = new World();
      const client = connect(world);
      client.say(hello());
      await world.settle();
      client.say(again);
      assert.deepEqual([client.told, codeOf(client)], [["welcome", "error bad_message"], "bad_message"]);
    }
  });

  test("[SES-4] a malformed one closes", () => {
    const world = new World();
    for (const message of [{ type: "hello", instance: "x" }, { type: "hello", subscriptions: 5 }, []]) {
      const client = connect(world);
      client.say(message);
      assert.deepEqual([client.told, codeOf(client)], [["error bad_message"], "bad_message"]);
    }
  });

  test("[SES-1] that does not come within the deadline closes with 4408", async () => {
    const world = new World();
    const client = connect(world);
    await world.pass(world.limits.helloTimeoutMs - 1);
    assert.equal(client.sink.farewell, undefined);
    await world.pass(1);
    assert.equal(codeOf(client), "timed_out");
    assert.deepEqual(client.told, ["error timed_out"]);
    assert.equal(client.dialogue.deadline, Number.POSITIVE_INFINITY);
  });

  test("[SES-7] ends the connection where its token is refused, and names the code", async () => {
    const world = new World();
    const client = connect(world, { gate: new TokenGate() });
    client.say({ ...hello("a"), token: "stale" });
    client.say({ type: "ping" });
    await world.settle();
    assert.deepEqual([client.told, codeOf(client)], [["error unauthenticated"], "unauthenticated"]);
    assert.deepEqual(world.broker.calls, []);
  });

  test("[AUTH-1] brings its own token, or goes by that of the request", async () => {
    const world = new World();
    const gate = new TokenGate();
    const [own, request] = [
      connect(world, { gate, token: "stale" }),
      connect(world, { gate, token: "good" }),
    ];
    own.say({ ...hello(), token: "good" });
    request.say(hello());
    await world.settle();
    assert.deepEqual([own.told, request.told, gate.asked], [["welcome"], ["welcome"], ["good", "good"]]);
  });

  test("[SUB-4] [SES-7] a bad subscription in it does not disturb the others", async () => {
    const world = new World();
    const client = connect(world);
    const subscriptions = [
      { channel: "a" },
      { channel: "no channel" },
      { channel: "b", after: "junk" },
      { channel: "c", after: "k-1", last: 1 },
      7,
      { channel: "d" },
    ];
    client.say({ type: "hello", subscriptions });
    await world.settle();
    assert.deepEqual(
      client.sink.of("error").map(({ code, channel }) => [code, channel]),
      [
        ["bad_channel", "no channel"],
        ["bad_cursor", "b"],
        ["bad_parameter", "c"],
        ["bad_message", undefined],
      ],
    );
    assert.deepEqual(
      client.sink.of("subscribed").map(({ channel }) => channel),
      ["a", "d"],
    );
  });
});

describe("while a token is being checked", () => {
  test("[SES-2] what comes in meanwhile waits, in order, and is not read any further", async () => {
    const world = new World();
    const gate = new TokenGate();
    gate.isSlow = true;
    const client = connect(world, { gate });
    client.say({ ...hello("a"), token: "good" });
    client.say({ type: "subscribe", subscriptions: [{ channel: "b" }] });
    client.say({ type: "publish", ref: 1, channel: "c", events: [{ data: 1 }] });
    client.say({ type: "ping" });
    await world.settle();
    assert.deepEqual([client.told, client.sink.isPaused], [[], true]);
    gate.waiting.pop()?.();
    await world.settle();
    assert.equal(client.sink.isPaused, false);
    assert.equal(client.told[0], "welcome");
    assert.deepEqual(client.told.toSorted(), [
      "pong",
      "published",
      "subscribed k-0",
      "subscribed k-0",
      "welcome",
    ]);
  });

  test("[SES-1] a second hello among it closes, and what stood behind it is not answered", async () => {
    const world = new World();
    const client = connect(world);
    for (const message of [
      hello(),
      hello(),
      { type: "publish", ref: 1, channel: "a", events: [{ data: 1 }] },
    ]) {
      client.say(message);
    }
    await world.settle();
    assert.deepEqual([client.told, codeOf(client)], [["welcome", "error bad_message"], "bad_message"]);
    assert.equal(world.log().head.offset, 0);
  });

  test("[SES-2] [BEAT-1] no heartbeat comes before the welcome, and a check that takes too long is given up", async () => {
    const world = new World({ limits: { heartbeatMs: 1000, helloTimeoutMs: 5000 } });
    const gate = new TokenGate();
    gate.isSlow = true;
    const client = connect(world, { gate, hears: true });
    client.say({ ...hello("a"), token: "good" });
    await world.pass(4999);
    assert.deepEqual([client.told, client.sink.farewell], [[], undefined]);
    await world.pass(1);
    assert.deepEqual([client.told, codeOf(client)], [["error overloaded"], "overloaded"]);
    gate.waiting.pop()?.();
    await world.settle();
    assert.deepEqual([client.told.length, world.broker.calls], [1, []]);
  });

  test("[BND] a client that leaves is not welcomed", async () => {
    const world = new World();
    const gate = new TokenGate();
    gate.isSlow = true;
    const client = connect(world, { gate });
    client.say({ ...hello("a"), token: "good" });
    client.session.gone();
    gate.waiting.pop()?.();
    await world.settle();
    assert.deepEqual([client.told, world.broker.calls], [[], []]);
  });
});

describe("a conversation", () => {
  async function open(
    options: ClientOptions = {},
    ...channels: string[]
  ): Promise<{ world: World; client: Client }> {
    const world = new World();
    const client = connect(world, options);
    client.say({ ...hello(...channels), token: "good" });
    await world.settle();
    return { world, client };
  }

  test("[SES-4] an unknown or malformed message disturbs nothing", async () => {
    const { world, client } = await open({}, "a");
    client.say({ type: "dance" });
    client.say({ type: "subscribe" });
    client.say({ type: "unsubscribe", channels: [5] });
    world.log().append(numbered(1));
    await world.settle();
    assert.deepEqual(client.told.slice(2), [
      "error unknown_message",
      "error bad_message",
      "error bad_channel",
      "events k-0 k-1",
    ]);
    assert.equal(client.sink.farewell, undefined);
  });

  test("[SES-7] [PUB-3] what is wrong with a publish is told with its ref", async () => {
    const { client } = await open();
    client.say({ type: "publish", ref: 9, channel: "a", events: [{ data: 1, type: "gap" }] });
    const [error] = client.sink.of("error");
    assert.deepEqual([error?.code, error?.ref], ["bad_event", 9]);
  });

  test("[SUB-5] unsubscribing is answered for each channel", async () => {
    const { client } = await open({}, "a", "b");
    client.say({ type: "unsubscribe", channels: ["a", "c", "b"] });
    assert.deepEqual(
      client.messages.slice(3).map((message) => `${message.type} ${"channel" in message && message.channel}`),
      ["unsubscribed a", "error c", "unsubscribed b"],
    );
  });

  test("[BEAT-4] a ping is answered", async () => {
    const { client } = await open();
    client.say({ type: "ping" });
    assert.deepEqual(client.messages.at(-1), { type: "pong" });
  });

  test("[ACK-1] [ACK-4] publishes are answered, with a condition where one is given", async () => {
    const { world, client } = await open();
    client.say({ type: "publish", ref: 1, channel: "a", events: [{ data: 1 }, { data: 2 }], ifMatch: "k-0" });
    client.say({ type: "publish", ref: 2, channel: "a", events: [{ data: 3 }], ifMatch: "k-0" });
    await world.settle();
    assert.deepEqual(client.told.slice(1), ["published", "error precondition_failed"]);
    assert.equal(client.sink.of("error")[0]?.cursor, "k-2");
  });

  test("[AUTH-1] a renewed token goes on without a break, and puts off the end", async () => {
    const gate = new TokenGate();
    const { world, client } = await open({ gate }, "a");
    gate.principals.set("new", { user: "ada", expiresAt: world.clock.now() + 60_000 });
    gate.principals.set("newer", { user: "ada", expiresAt: world.clock.now() + 120_000 });
    client.say({ type: "auth", token: "new" });
    await world.pass(30_000);
    assert.equal(client.sink.of("expiring").length, 1);
    client.say({ type: "auth", token: "newer" });
    await world.pass(59_999);
    assert.equal(client.sink.farewell, undefined);
    world.log().append(...numbers(1));
    await world.settle();
    assert.equal(client.told.at(-1), "events k-0 k-1");
    await world.pass(30_001);
    assert.equal(codeOf(client), "unauthenticated");
  });

  test("[AUTH-1] a token that is refused ends nothing: the one before still holds", async () => {
    const gate = new TokenGate();
    const { world, client } = await open({ gate }, "a");
    client.say({ type: "auth", token: "stale" });
    world.log().append(numbered(1));
    await world.settle();
    assert.deepEqual(client.told.slice(2).toSorted(), ["error unauthenticated", "events k-0 k-1"]);
    assert.deepEqual([client.sink.farewell, client.session.principal.user], [undefined, "ada"]);
  });

  test("[AUTH-1] [SUB-5] what the new principal may not read ends; what it may is not disturbed", async () => {
    const gate = new TokenGate();
    gate.principals.set("poorer", { user: "eve" });
    gate.may = ({ user }, channel) => user === "ada" || channel === "b";
    const { world, client } = await open({ gate }, "a", "b");
    client.say({ type: "auth", token: "poorer" });
    await world.settle();
    assert.deepEqual(client.messages.at(-1), {
      type: "unsubscribed",
      channel: "a",
      code: "forbidden",
      reason: "You may not read a.",
    });
    assert.equal(client.session.subscriptions, 1);
  });

  test("[AUTH-1] of two renewals the one that was said last counts, however long each takes", async () => {
    const gate = new TokenGate();
    gate.principals.set("first", { user: "first" });
    gate.principals.set("second", { user: "second" });
    const { world, client } = await open({ gate });
    gate.isSlow = true;
    for (const token of ["first", "second"]) client.say({ type: "auth", token });
    for (let count = 0; count < 2; count++) {
      await world.settle();
      gate.waiting.pop()?.();
    }
    await world.settle();
    assert.equal(client.session.principal.user, "second");
  });

  test("[SES-3] over HTTP a dialogue begins with the principal that the request has, and tells when all have started", async () => {
    const world = new World();
    const client = connect(world);
    world.log().append(...numbers(2));
    await client.dialogue.begin(
      {
        type: "hello",
        instance: "instance-1",
        subscriptions: [{ channel: "a", after: "oldest" }, { channel: "" }],
      },
      { user: "ada" },
    );
    assert.deepEqual(client.told.slice(0, 3), ["welcome", "error bad_channel", "subscribed k-0"]);
    assert.equal(client.session.instance, "instance-1");
    await world.settle();
    assert.equal(client.told.at(-1), "events k-0 k-2");
  });
});
