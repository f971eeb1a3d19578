import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Principal } from "./principal.ts";
import { TokenGate } from "./token-gate.test-support.ts";
import { type Client, type ClientOptions, numbered, numbers, World } from "./world.test-support.ts";

function connect(world: World, options: ClientOptions = {}): Client {
  return world.client({ greets: true, hears: false, ...options });
}

function hello(...channels: string[]): object {
  return { type: "hello", subscriptions: channels.map((channel) => ({ channel })) };
}

const codeOf = ({ sink }: Client) => sink.farewell?.kind === "refused" && sink.farewell.error.code;

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

  test("[EXP-1] [EXP-2] [EXP-4] a renewed token goes on without a break, and puts off the end", async () => {
    const gate = new TokenGate();
    const { world, client } = await open({ gate }, "a");
    gate.principals.set("new", { user: "ada", expiresAt: world.clock.now() + 60_000 });
    gate.principals.set("newer", { user: "ada", expiresAt: world.clock.now() + 120_000 });
    client.say({ type: "auth", token: "new" });
    await world.pass(45_000);
    const expiresAt = world.clock.now() + 15_000;
    assert.deepEqual(client.sink.of("renewed"), [
      { type: "renewed", user: "ada", expiresAt, expiresInMs: 60_000 },
    ]);
    assert.deepEqual(client.sink.of("expiring"), [{ type: "expiring", inMs: 15_000 }]);
    client.say({ type: "auth", token: "newer" });
    await world.pass(74_999);
    assert.equal(client.sink.farewell, undefined);
    world.log().append(...numbers(1));
    await world.settle();
    assert.equal(client.told.at(-1), "events k-0 k-1");
    await world.pass(1);
    assert.equal(codeOf(client), "token_expired");
  });

  test("[EXP-4] a token that is refused ends nothing: the one before still holds", async () => {
    const gate = new TokenGate();
    const { world, client } = await open({ gate }, "a");
    client.say({ type: "auth", token: "stale" });
    world.log().append(numbered(1));
    await world.settle();
    assert.deepEqual(client.told.slice(2).toSorted(), ["error unauthenticated", "events k-0 k-1"]);
    assert.deepEqual([client.sink.farewell, client.session.principal.user], [undefined, "ada"]);
  });

  test("[AUTH-1] [SUB-5] [EXP-4] what the new token may not read ends; what it may is not disturbed", async () => {
    const gate = new TokenGate();
    gate.principals.set("poorer", { user: "ada", tokenId: "poor" });
    gate.may = ({ tokenId }, channel) => tokenId === undefined || channel === "b";
    const { world, client } = await open({ gate }, "a", "b");
    client.say({ type: "auth", token: "poorer" });
    await world.settle();
    assert.deepEqual(client.told.at(-1), "renewed");
    assert.deepEqual(client.messages.at(-2), {
      type: "unsubscribed",
      channel: "a",
      code: "forbidden",
      reason: "You may not read a.",
    });
    assert.equal(client.session.subscriptions, 1);
  });

  test("[EXP-4] of two renewals the one that was said last counts, however long each takes", async () => {
    const gate = new TokenGate();
    gate.principals.set("first", { user: "ada", tokenId: "first" });
    gate.principals.set("second", { user: "ada", tokenId: "second" });
    const { world, client } = await open({ gate });
    gate.isSlow = true;
    for (const token of ["first", "second"]) client.say({ type: "auth", token });
    for (let count = 0; count < 2; count++) {
      await world.settle();
      gate.waiting.pop()?.();
    }
    await world.settle();
    assert.equal(client.session.principal.tokenId, "second");
  });

  test("[EXP-4] a token of another user is refused, and the connection stays the first one's", async () => {
    const gate = new TokenGate();
    gate.principals.set("eve", { user: "eve" });
    gate.principals.set("nobody", {});
    const { world, client } = await open({ gate }, "a");
    for (const token of ["eve", "nobody"]) client.say({ type: "auth", token });
    world.log().append(numbered(1));
    await world.settle();
    assert.deepEqual(client.told.slice(2).toSorted(), [
      "error forbidden",
      "error forbidden",
      "events k-0 k-1",
    ]);
    assert.deepEqual([client.sink.farewell, client.session.principal.user], [undefined, "ada"]);
  });

  test("[EXP-6] beyond so many tokens in a minute they are refused unseen, and the connection lives", async () => {
    const gate = new TokenGate();
    const { world, client } = await open({ gate });
    const asked = gate.asked.length;
    for (let count = 0; count < 31; count++) {
      client.say({ type: "auth", token: "good" });
      await world.settle();
    }
    assert.equal(gate.asked.length - asked, 30);
    const [refusal] = client.sink.of("error");
    assert.deepEqual([refusal?.code, refusal?.retryAfterMs], ["rate_limited", 60_000]);
    assert.equal(client.told.at(-1), "error rate_limited");
    assert.deepEqual([refusal?.limit, world.refusals], ["renewalsPerMinuteMax", ["renewalsPerMinuteMax"]]);
    await world.pass(60_000);
    client.say({ type: "auth", token: "good" });
    await world.settle();
    assert.deepEqual([client.told.at(-1), client.sink.farewell], ["renewed", undefined]);
  });

  describe("in its grace", () => {
    /** A session whose token has just ended, and the token that could renew it. */
    async function lapse(next: Principal): Promise<{ world: World; client: Client }> {
      const gate = new TokenGate();
      const world = new World({ limits: { expiryGraceMs: 10_000 } });
      gate.principals.set("short", { user: "ada", expiresAt: world.clock.now() + 60_000 });
      gate.principals.set("next", next);
      gate.may = ({ tokenId }, channel) => tokenId !== "poor" || channel !== "b";
      const client = connect(world, { gate, renews: true });
      client.say({ ...hello("a", "b"), token: "short" });
      await world.pass(60_000);
      assert.equal(client.sink.farewell, undefined);
      return { world, client };
    }

    test("[EXP-5] nothing is delivered or taken, and after a renewal reading goes on without a gap", async () => {
      const { world, client } = await lapse({ user: "ada" });
      const before = client.messages.length;
      for (const channel of ["a", "b"]) world.log(channel).append(...numbers(2));
      client.say({ type: "publish", ref: 1, channel: "a", events: [{ data: 1 }] });
      client.say({ type: "subscribe", subscriptions: [{ channel: "c" }] });
      client.say({ type: "ping" });
      await world.pass(5000);
      assert.deepEqual(client.told.slice(before).toSorted(), [
        "error token_expired",
        "error token_expired",
        "pong",
      ]);
      assert.equal(world.log("a").head.offset, 2);
      client.say({ type: "auth", token: "next" });
      await world.settle();
      assert.deepEqual(client.told.slice(-3).toSorted(), ["events k-0 k-2", "events k-0 k-2", "renewed"]);
      await world.pass(60_000);
      assert.equal(client.sink.farewell, undefined);
    });

    test("[EXP-5] [SUB-5] of what the new token may not read nothing is delivered", async () => {
      const { world, client } = await lapse({ user: "ada", tokenId: "poor" });
      for (const channel of ["a", "b"]) world.log(channel).append(...numbers(2));
      await world.settle();
      client.say({ type: "auth", token: "next" });
      await world.settle();
      assert.deepEqual(
        client.sink.of("unsubscribed").map(({ channel }) => channel),
        ["b"],
      );
      assert.deepEqual(
        client.told.filter((told) => told.startsWith("events")),
        ["events k-0 k-2"],
      );
    });

    test("[EXP-5] [EXP-3] a token that is refused does not lengthen it, and its end closes", async () => {
      const { world, client } = await lapse({ user: "eve" });
      client.say({ type: "auth", token: "next" });
      await world.pass(9_999);
      assert.equal(client.sink.farewell, undefined);
      await world.pass(1);
      assert.equal(codeOf(client), "token_expired");
      assert.equal(world.hubs.stats().readers, 0);
    });

    test("[EXP-5] a sink that drains meanwhile brings nothing", async () => {
      const { world, client } = await lapse({ user: "ada" });
      client.sink.room = 0;
      client.say({ type: "ping" });
      world.log("a").append(...numbers(1));
      await world.settle();
      const before = client.messages.length;
      client.drain();
      await world.settle();
      assert.equal(client.messages.length, before);
      client.say({ type: "auth", token: "next" });
      await world.settle();
      assert.deepEqual(client.told.slice(before).toSorted(), ["events k-0 k-1", "renewed"]);
    });
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
