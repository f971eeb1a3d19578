import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TokenGate } from "./token-gate.test-support.ts";
import { type Client, type ClientOptions, World } from "./world.test-support.ts";

function connect(world: World, options: ClientOptions = {}): Client {
  return world.client({ greets: true, hears: false, ...options });
}

function hello(...channels: string[]): object {
  return { type: "hello", subscriptions: channels.map((channel) => ({ channel })) };
}

const codeOf = ({ sink }: Client) => sink.farewell?.kind === "refused" && sink.farewell.error.code;

describe("hello", () => {
  test("[SES-2] [EXP-2] is answered by `welcome` before anything else, at once", async () => {
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
        expiresInMs: 1_000_000,
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
    binary.dialogue.receive(Uint8Array.of(0x80));
    assert.equal(codeOf(binary), "bad_json");
    const late = connect(world);
    late.say(hello());
    await world.settle();
    late.say("not JSON");
    late.dialogue.receive(Uint8Array.of(0x80));
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
