import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import type { Gate } from "./principal.ts";
import { type Client, numbered, numbers, World } from "./world.test-support.ts";

const k = (offset: number) => ({ after: { epoch: "k", offset } });

/** Lets through what `may` says now, and nothing else. */
function gateOf(may: (action: string, channel: string) => boolean): Gate {
  return { authenticate: () => ({}), authorize: (_principal, action, channel) => may(action, channel) };
}

describe("subscribing", () => {
  test("[SUB-2] twice is refused and changes nothing, also while the first looks for its start", async () => {
    const world = new World();
    const client = world.client();
    void client.subscribe("a");
    void client.subscribe("a", k(0));
    await world.settle();
    void client.subscribe("a", k(0));
    world.log().append(numbered(1));
    await world.settle();
    assert.deepEqual(client.told.toSorted(), [
      "error already_subscribed",
      "error already_subscribed",
      "events k-0 k-1",
      "subscribed k-0",
    ]);
  });

  test("[SUB-1] [BND-1] to a closed channel ends at once, and leaves no ear in its lobby", async () => {
    const world = new World();
    world.log().close();
    const client = world.client();
    void client.subscribe("a", { after: "latest" }, { signals: true, presence: true, join: 1 });
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "end k-0"]);
    assert.deepEqual(world.hubs.lobbies.members("a"), []);
    world.hubs.lobbies.signal("a", "x", 1, {});
    await world.settle();
    assert.equal(client.told.length, 2);
  });

  test("[SUB-5] unsubscribed while it looks for its start: the late answer is for nobody", async () => {
    const world = new World();
    const follow = world.broker.hold("follow");
    const client = world.client();
    void client.subscribe("a", k(0));
    await world.settle();
    client.session.unsubscribe("a");
    void client.subscribe("a", { after: "latest" });
    world.log().append(numbered(1));
    follow.release();
    await world.settle();
    assert.deepEqual(client.told, ["unsubscribed", "subscribed k-1"]);
    assert.equal(world.hubs.stats().readers, 1);
  });

  test("[SUB-5] unsubscribed while it looks for its start, and that fails: nothing follows", async () => {
    const world = new World();
    const follow = world.broker.hold("follow");
    const client = world.client();
    void client.subscribe("a");
    await world.settle();
    client.session.unsubscribe("a");
    follow.fail(new HoldfastError("broker_unavailable"));
    await world.settle();
    assert.deepEqual(client.told, ["unsubscribed"]);
  });

  test("[SUB-5] what is not subscribed cannot be unsubscribed", async () => {
    const world = new World();
    const client = world.client();
    client.session.unsubscribe("a");
    assert.deepEqual([client.told, client.sink.of("error")[0]?.channel], [["error not_subscribed"], "a"]);
  });

  test("[SUB-5] nothing of a channel follows `unsubscribed`, whatever was under way", async () => {
    const world = new World();
    world.log().append(...numbers(9));
    const held = world.broker.hold("read");
    const client = await world.reader(k(1));
    client.session.unsubscribe("a");
    held.release();
    world.log().append(numbered(10));
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-1", "unsubscribed"]);
    assert.equal(world.hubs.stats().readers, 0);
  });

  test("[BND] on a session that is over opens nothing", async () => {
    const world = new World();
    const client = world.client();
    client.session.gone();
    await client.subscribe("a");
    client.session.publish(1, "a", numbers(1));
    await world.settle();
    assert.deepEqual([world.broker.calls, client.messages, client.sink.closes], [[], [], 1]);
  });
});

describe("a thousand channels", () => {
  test("[BND] on one session are read, told in one heartbeat, and released", async () => {
    const world = new World();
    const client = world.client({ greets: true });
    const channels = Array.from({ length: 1000 }, (_, index) => `c-${index}`);
    const subscriptions = channels.map((channel) => ({ channel }));
    client.say({ type: "hello", subscriptions });
    await world.settle();
    assert.equal(client.sink.of("subscribed").length, 1000);
    assert.equal(client.sink.isPaused, false);
    for (const channel of channels) world.log(channel).append(numbered(1));
    await world.settle();
    assert.equal(client.sink.of("events").length, 1000);
    await world.pass(world.limits.heartbeatMs);
    assert.equal(Object.keys(client.sink.of("heartbeat")[0]?.heads ?? {}).length, 1000);
    for (const channel of channels) client.check(channel);
    client.session.gone();
    await world.pass(60_000);
    assert.deepEqual(world.hubs.stats(), {
      hubs: 0,
      readers: 0,
      readersLive: 0,
      tailEvents: 0,
      tailBytes: 0,
    });
  });

  test("[SUB-3] beyond the limit those that do not fit are refused, the others are served", async () => {
    const world = new World({ limits: { subscriptionsMax: 3 } });
    const client = world.client();
    for (const channel of ["a", "b", "c", "d", "e"]) void client.subscribe(channel);
    await world.settle();
    assert.deepEqual(
      client.sink.of("error").map(({ code, channel }) => `${code} ${channel}`),
      ["too_many_subscriptions d", "too_many_subscriptions e"],
    );
    assert.equal(client.session.subscriptions, 3);
    client.session.unsubscribe("a");
    void client.subscribe("d");
    await world.settle();
    assert.equal(client.sink.of("subscribed").length, 4);
  });
});

describe("what a held JSON answer is sent for", () => {
  const cases: [string, boolean, (client: Client, world: World) => unknown][] = [
    ["subscribed", false, (client) => client.subscribe("b")],
    ["events", true, (_, world) => world.log().append(numbered(1))],
    ["end", true, (_, world) => world.log().close()],
    ["unsubscribed", true, (client) => client.session.unsubscribe("a")],
    ["error", true, (client) => client.session.unsubscribe("zzz")],
    ["presence", false, (client) => client.subscribe("b", { after: "latest" }, { presence: true })],
    ["signal", false, (_, world) => world.hubs.lobbies.signal("a", "x", 1, {})],
    ["heartbeat", false, (_, world) => world.pass(world.limits.heartbeatMs)],
  ];
  for (const [type, told, cause] of cases) {
    test(`[SES-6] ${type}: ${told ? "yes" : "no"}`, async () => {
      const world = new World();
      const client = world.client();
      void client.subscribe("a", { after: "latest" }, { signals: true });
      await world.settle();
      assert.equal(client.session.told, false);
      void cause(client, world);
      await world.settle();
      assert.ok(client.messages.some((message) => message.type === type));
      assert.equal(client.session.told, told);
    });
  }

  test("[SES-6] gap: yes", async () => {
    const world = new World();
    const client = await world.reader(k(7));
    assert.deepEqual([client.told.at(-1), client.session.told], ["gap k-7 k-0 epoch", true]);
  });

  test("[SES-6] more is there until every subscription has been read up to the head, or is over", async () => {
    const world = new World();
    world.log().append(...numbers(5));
    const client = world.client();
    assert.equal(client.session.caughtUp, true);
    const read = world.broker.hold("read");
    void client.subscribe("a", k(1));
    assert.equal(client.session.caughtUp, false);
    await world.settle();
    assert.equal(client.session.caughtUp, false);
    world.broker.unhold("read");
    read.release();
    await world.settle();
    assert.equal(client.session.caughtUp, true);
    client.sink.room = 1;
    world.log().append(numbered(6));
    world.flush();
    world.log().append(numbered(7));
    world.flush();
    assert.equal(client.session.caughtUp, false);
    world.log().close();
    client.drain();
    await world.settle();
    assert.deepEqual([client.told.at(-1), client.session.caughtUp], ["end k-7", true]);
    const gone = await world.reader();
    gone.session.gone();
    assert.equal(gone.session.caughtUp, true);
  });
});

describe("a principal", () => {
  test("[AUTH-1] is refused what it may not read, per channel, and gets nothing of it", async () => {
    const world = new World();
    const client = world.client({ gate: gateOf((_action, channel) => channel !== "secret") });
    for (const channel of ["a", "secret", "b"]) void client.subscribe(channel);
    await world.settle();
    world.log("secret").append(numbered(1));
    await world.settle();
    assert.deepEqual(client.told.toSorted(), ["error forbidden", "subscribed k-0", "subscribed k-0"]);
    assert.equal(client.sink.of("error")[0]?.channel, "secret");
    assert.equal(world.broker.count("follow secret"), 0);
  });

  test("[EXP-1] [EXP-3] that has expired may do nothing more, and is let go", async () => {
    const world = new World();
    const expiresAt = world.clock.now() + 60_000;
    const client = await world.reader({ after: "latest" }, "a", { principal: { expiresAt }, hears: false });
    await world.pass(45_000);
    assert.deepEqual(client.sink.of("expiring"), [{ type: "expiring", inMs: 15_000 }]);
    world.clock.time = expiresAt;
    client.session.publish(1, "a", numbers(1));
    await world.settle();
    assert.equal(client.told.at(-1), "error token_expired");
    assert.equal(world.log().head.offset, 0);
    client.session.tick(expiresAt);
    const { farewell } = client.sink;
    assert.equal(farewell?.kind === "refused" && farewell.error.code, "token_expired");
    assert.equal(world.hubs.stats().readers, 0);
  });

  test("[AUTH-1] [SUB-5] that may not read any more is told so, per channel, and what it may goes on", async () => {
    const world = new World();
    let may = true;
    const client = world.client({ gate: gateOf((_action, channel) => may || channel === "a") });
    for (const channel of ["a", "b"]) void client.subscribe(channel);
    await world.settle();
    may = false;
    await client.session.review();
    for (const channel of ["a", "b"]) world.log(channel).append(numbered(1));
    await world.settle();
    assert.deepEqual(
      client.messages.slice(2).map((message) => [message.type, "channel" in message && message.channel]),
      [
        ["unsubscribed", "b"],
        ["events", "a"],
      ],
    );
    assert.equal(client.sink.of("unsubscribed")[0]?.code, "forbidden");
  });

  test("[REV-5] nothing of a channel that is lost follows, and nobody sees the member there any more", async () => {
    const world = new World();
    let may = true;
    const gate = gateOf((_action, channel) => may || channel !== "b");
    const client = world.client({ gate });
    for (const channel of ["a", "b"]) void client.subscribe(channel, undefined, { join: 1, presence: true });
    const witness = await world.reader({ after: "latest" }, "b");
    await world.settle();
    assert.equal(world.hubs.lobbies.members("b").length, 1);
    may = false;
    // A page is being read for it at that moment.
    client.drain(0);
    world.log("b").append(...numbers(3));
    world.flush();
    const read = world.broker.hold("read");
    client.drain();
    await client.session.review();
    read.release();
    await world.settle();
    assert.deepEqual(world.hubs.lobbies.members("b"), []);
    assert.equal(world.hubs.lobbies.members("a").length, 1);
    const ofB = client.messages.filter((message) => "channel" in message && message.channel === "b");
    assert.equal(ofB.at(-1)?.type, "unsubscribed");
    assert.deepEqual(witness.check("b").position, { epoch: "k", offset: 3 });
  });

  test("[REV-5] channels that are lost together are each told, once all of them are known", async () => {
    const world = new World();
    const answers: (() => void)[] = [];
    let isAsked = false;
    const gate: Gate = {
      authenticate: () => ({}),
      authorize: () => !isAsked || new Promise((resolve) => answers.push(() => resolve(false))),
    };
    const client = world.client({ gate });
    for (const channel of ["a", "b", "c"]) void client.subscribe(channel);
    await world.settle();
    isAsked = true;
    const review = client.session.review();
    for (const answer of answers.splice(0)) {
      answer();
      await world.wait();
      world.log("a").append(numbered(1));
      await world.settle();
    }
    await review;
    assert.deepEqual(client.told.slice(3), ["unsubscribed", "unsubscribed", "unsubscribed"]);
    assert.equal(client.sink.farewell, undefined);
  });

  for (const [became, farewell] of [
    ["dropped", { kind: "reconnect", delayMs: 0, reason: "permissions" }],
    ["cut", undefined],
  ] as const) {
    test(`[REV-5] a connection on which some of it may wait, and was ${became}, ends`, async () => {
      const world = new World();
      let may = true;
      const client = world.client({ gate: gateOf((_action, channel) => may || channel === "a") });
      for (const channel of ["a", "b"]) void client.subscribe(channel);
      await world.settle();
      may = false;
      client.sink.retracts = became;
      await client.session.review();
      assert.deepEqual(client.sink.farewell, farewell);
      assert.deepEqual(client.sink.of("unsubscribed"), []);
      assert.equal(client.sink.closes, 1);
      assert.equal(world.hubs.stats().readers, 0);
    });
  }

  test("[REV-4] a session that is revoked is told why, and nothing else", async () => {
    const world = new World();
    const client = world.client();
    void client.subscribe("a", undefined, { join: 1 });
    const witness = world.client();
    void witness.subscribe("a", undefined, { presence: true });
    await world.settle();
    const before = client.told;
    client.session.publish(1, "a", [numbered(1)]);
    const error = new HoldfastError("token_revoked");
    client.session.revoke(error);
    client.session.revoke(error);
    await world.settle();
    assert.deepEqual(client.sink.farewell, { kind: "refused", error });
    assert.deepEqual(client.told, before);
    assert.deepEqual(world.hubs.lobbies.members("a"), []);
    assert.equal(client.sink.closes, 1);
  });

  test("[REV-4] one whose socket holds something is cut, and takes nothing with it", async () => {
    const world = new World();
    const client = await world.reader();
    client.sink.retracts = "cut";
    client.session.revoke(new HoldfastError("token_revoked"));
    world.log().append(numbered(1));
    await world.settle();
    assert.equal(client.sink.farewell, undefined);
    assert.equal(client.sink.closes, 1);
    assert.equal(world.hubs.stats().readers, 0);
  });

  test("[AUTH-1] a review ends what still looks for its start, too", async () => {
    const world = new World();
    let may = true;
    const follow = world.broker.hold("follow");
    const client = world.client({ gate: gateOf(() => may) });
    void client.subscribe("a", k(0));
    await world.settle();
    may = false;
    await client.session.review();
    follow.release();
    await world.settle();
    assert.deepEqual(client.told, ["error forbidden"]);
    assert.equal(world.hubs.stats().readers, 0);
  });

  test("[AUTH-1] a review of a principal that was replaced meanwhile ends nothing", async () => {
    const world = new World();
    const answers: ((may: boolean) => void)[] = [];
    let slow = false;
    const gate: Gate = {
      authenticate: () => ({}),
      authorize: () => (slow ? new Promise((resolve) => answers.push(resolve)) : true),
    };
    const client = await world.reader({ after: "latest" }, "a", { gate });
    slow = true;
    client.session.adopt({ user: "poor" });
    const review = client.session.review();
    client.session.adopt({ user: "rich" });
    answers[0]?.(false);
    await world.settle();
    // It is asked about the new one instead.
    answers[1]?.(true);
    await review;
    assert.deepEqual(client.told, ["subscribed k-0"]);
  });
});
