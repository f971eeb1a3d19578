import assert from "node:assert/strict";
import { describe, test } from "node:test";
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
