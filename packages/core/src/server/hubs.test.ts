import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { defaultLimits } from "@holdfast/protocol";
import { Hubs } from "./hubs.ts";
import { ScriptedBroker } from "./scripted-broker.test-support.ts";
import { defaultNamespace } from "./settings.ts";
import { numbered, numbers, VirtualClock, World } from "./world.test-support.ts";

const k = (offset: number) => ({ epoch: "k", offset });
const _limits = { eventsMax: 100, bytesMax: 100_000 };
const nothing = { hubs: 0, readers: 0, readersLive: 0, tailEvents: 0, tailBytes: 0 };

describe("hubs", () => {
  test("[BND] linger for those who come back, and then leave nothing behind", async () => {
    const world = new World();
    const client = await world.reader();
    world.log().append(...numbers(5));
    await world.settle();
    assert.deepEqual(world.hubs.stats(), {
      hubs: 1,
      readers: 1,
      readersLive: 1,
      tailEvents: 5,
      tailBytes: 5,
    });
    client.session.gone();
    await world.pass(29_000);
    assert.equal(world.hubs.stats().hubs, 1);
    const again = await world.reader({ after: k(2) });
    assert.deepEqual(again.told, ["subscribed k-2", "events k-2 k-5"]);
    assert.equal(world.broker.count("read"), 0, "the tail was still there");
    again.session.gone();
    await world.pass(60_000);
    assert.deepEqual(world.hubs.stats(), nothing);
    assert.equal(world.broker.followings, 0);
  });

  test("[BND] that nobody uses are bounded in number, however quickly clients come and go", async () => {
    const world = new World();
    const client = world.client();
    for (let round = 0; round < 30; round++) {
      const channels = Array.from({ length: 100 }, (_, index) => `c-${round}-${index}`);
      for (const channel of channels) void client.subscribe(channel);
      await world.settle();
      for (const channel of channels) client.session.unsubscribe(channel);
    }
    assert.equal(client.sink.of("subscribed").length, 3000);
    assert.ok(world.hubs.stats().hubs <= 1000, `${world.hubs.stats().hubs}`);
    assert.equal(world.broker.followings, world.hubs.stats().hubs);
  });

  test("[CALM] [DUP-1] while others are still being written to, a crowd waits and gets one larger batch", async () => {
    const world = new World();
    for (let n = 0; n < 257; n++) await world.reader({ after: "latest" }, "crowd", { hears: false });
    const few = await world.reader({ after: "latest" }, "few");
    const many = world.clients.slice(0, 257);
    for (const channel of ["crowd", "few"]) world.log(channel).append(numbered(1));
    world.flush(true);
    assert.deepEqual(few.told, ["subscribed k-0", "events k-0 k-1"]);
    assert.ok(many.every(({ told }) => told.length === 1));
    assert.ok(world.isScheduled, "it is asked for again");
    world.log("crowd").append(numbered(2));
    world.flush(true);
    world.flush();
    for (const { told } of many) assert.deepEqual(told, ["subscribed k-0", "events k-0 k-2"]);
    assert.equal(world.isScheduled, false);
  });

  test("[BND] are not dropped while somebody is about to read", async () => {
    const world = new World();
    world.log().append(...numbers(3));
    const range = world.broker.hold("range");
    const client = await world.reader({ after: "oldest" }, "a", { hears: false });
    // Where the log begins is told after the hub would have been given up.
    world.broker.unhold("range");
    for (let beat = 0; beat < 8; beat++) await world.pass(world.limits.heartbeatMs);
    range.release(1);
    await world.settle();
    world.log().append(numbered(4));
    await world.settle();
    assert.deepEqual(
      client.told.filter((word) => word !== "heartbeat"),
      ["subscribed k-0", "events k-0 k-3", "events k-3 k-4"],
    );
  });

  test("[BND] are opened once, for all who ask meanwhile", async () => {
    const world = new World();
    const follow = world.broker.hold("follow");
    const clients = Array.from({ length: 5 }, () => world.client());
    for (const client of clients) void client.subscribe("a");
    await world.settle();
    follow.release();
    await world.settle();
    assert.equal(world.broker.count("follow"), 1);
    for (const client of clients) {
      assert.deepEqual(client.told, ["subscribed k-0"]);
      client.session.gone();
    }
    await world.pass(60_000);
    assert.deepEqual(world.hubs.stats(), nothing);
  });

  test("[SUB-4] that cannot be opened are refused to each who asked, and tried anew for the next", async () => {
    const world = new World();
    world.broker.refuse("follow");
    const clients = [world.client(), world.client()];
    for (const client of clients) void client.subscribe("a");
    await world.settle();
    for (const client of clients) assert.deepEqual(client.told, ["error broker_unavailable"]);
    world.broker.heal("follow");
    const next = await world.reader();
    assert.deepEqual(next.told, ["subscribed k-0"]);
    assert.equal(world.hubs.stats().hubs, 1);
  });

  test("[SEE] settings that throw are a fault of that channel alone, also the second time", async () => {
    const broker = new ScriptedBroker();
    const faults: unknown[] = [];
    const hubs = new Hubs({
      broker,
      clock: new VirtualClock(),
      limits: defaultLimits,
      settings: (namespace) => {
        if (namespace === "bad") throw new TypeError("settings");
        return defaultNamespace;
      },
      schedule: () => {},
      onError: (fault) => faults.push(fault),
    });
    await assert.rejects(
      hubs.wait("bad:a", k(0), () => {}),
      /settings/,
    );
    await assert.rejects(
      hubs.wait("bad:a", k(0), () => {}),
      /settings/,
    );
    (await hubs.wait("good:a", k(0), () => {}))();
    assert.deepEqual(faults, [], "whoever is rejected tells it on");
  });

  test("[BND] that were stopped follow nothing, open nothing, and are told nothing", async () => {
    const world = new World();
    const client = await world.reader();
    const follow = world.broker.hold("follow");
    const late = await world.reader({ after: "latest" }, "b");
    world.hubs.stop();
    follow.release();
    world.broker.unhold("follow");
    await world.settle();
    assert.deepEqual(late.told, ["error draining"]);
    assert.equal(world.broker.followings, 0);
    const after = await world.reader({ after: "latest" }, "c");
    assert.deepEqual(after.told, ["error draining"]);
    world.log().append(numbered(1));
    world.log().disturb();
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0"]);
    client.session.gone();
    assert.deepEqual(world.hubs.stats(), nothing);
    assert.equal(world.hubs.deadline, Number.POSITIVE_INFINITY);
  });

  test("[BND] a follow that is stopped while its reader looks for the start lets nobody in", async () => {
    const world = new World();
    const range = world.broker.hold("range");
    const client = await world.reader({ after: "oldest" });
    world.hubs.stop();
    range.release();
    await world.settle();
    assert.deepEqual(client.told, ["error draining"]);
  });
});

describe("a flush", () => {
  test("[ORD] is asked for once a tick, however many channels have something", async () => {
    const world = new World();
    for (const channel of ["a", "b", "c"]) await world.reader({ after: "latest" }, channel);
    let asked = 0;
    const { broker } = world;
    const hubs = new Hubs({
      broker,
      clock: world.clock,
      limits: world.limits,
      settings: () => world.namespace,
      schedule: () => asked++,
    });
    const woken: string[] = [];
    for (const channel of ["a", "b", "c"]) await hubs.wait(channel, k(0), () => woken.push(channel));
    for (const channel of ["a", "b", "c"]) broker.log(channel).append(numbered(1));
    assert.deepEqual([asked, woken], [1, []]);
    hubs.flush();
    assert.deepEqual(woken, ["a", "b", "c"]);
    broker.log("a").append(numbered(2));
    assert.equal(asked, 2);
  });

  test("[ORD] what a reader causes while it is given something belongs to the next tick", async () => {
    const world = new World();
    const client = await world.reader();
    let left = 50;
    client.sink.onWrite = (message) => {
      if (message.type === "events" && left-- > 0) world.log("b").append(numbered(left));
    };
    const other = await world.reader({ after: "latest" }, "b");
    other.sink.onWrite = (message) => {
      if (message.type === "events" && left-- > 0) world.log("a").append(numbered(left));
    };
    world.log("a").append(numbered(0));
    world.flush();
    assert.equal(left, 49, "one thing at a time");
    await world.settle();
    assert.ok(left <= 0);
    client.check("a");
    other.check("b");
  });
});

describe("publishing", () => {
  test("[PUB-3] [BND-2] a batch that is too long, or an event too large, is refused whole, with the limit's number", async () => {
    const world = new World({ limits: { publishEventsMax: 3, eventBytesMax: 10 } });
    const large = { payload: { encoding: "text", text: "x".repeat(11) } } as const;
    await assert.rejects(world.hubs.publish("a", numbers(4)), {
      code: "too_large",
      message: /at most 3 events/,
    });
    await assert.rejects(world.hubs.publish("a", [numbered(1), large]), {
      code: "too_large",
      message: /at most 10 bytes; this one has 11/,
    });
    assert.equal(world.log().head.offset, 0);
    await world.hubs.publish("a", numbers(3));
    assert.equal(world.log().head.offset, 3);
  });

  test("[PUB-1] a condition that the broker cannot keep is unsupported, and nothing is appended", async () => {
    const world = new World();
    world.broker.capabilities = { ...world.broker.capabilities, conditionalAppend: false, state: false };
    await assert.rejects(world.hubs.publish("a", numbers(1), k(0)), { code: "unsupported" });
    await assert.rejects(world.hubs.state("a"), { code: "unsupported" });
    assert.equal(world.log().head.offset, 0);
  });

  test("[PUB-2] [STATE-1] closing and the state are the broker's word", async () => {
    const world = new World();
    world.log().append(numbered(1, "x"), numbered(2, "x"));
    const state = await world.hubs.state("a");
    assert.deepEqual([state.to, state.events.map(({ offset }) => offset)], [2, [2]]);
    assert.equal((await world.hubs.close("a")).closed, true);
    await assert.rejects(world.hubs.publish("a", numbers(1)), { code: "channel_closed" });
  });
});

test("[BEAT-3] idle hubs are audited too, for polls that come and go between two heartbeats", async () => {
  const world = new World();
  const client = await world.reader();
  client.session.gone();
  world.log().route = () => {};
  world.log().append(...numbers(2));
  await world.pass(world.limits.heartbeatMs);
  const next = await world.reader();
  assert.deepEqual(next.told, ["subscribed k-2"]);
});

test("[BEAT-3] an audit that is answered while events are heard reads nothing", async () => {
  const world = new World();
  const client = await world.reader();
  const range = world.broker.hold("range", "call");
  await world.pass(world.limits.heartbeatMs);
  world.log().append(...numbers(3));
  range.release();
  await world.settle();
  assert.equal(world.broker.count("read"), 0);
  client.check("a");
});

test("[BEAT-3] a clock that was set back does not delay the next audit", async () => {
  const world = new World();
  const client = await world.reader();
  client.session.gone();
  world.log().route = () => {};
  world.log().append(...numbers(2));
  world.clock.time -= 3_600_000;
  world.hubs.clockSet(world.clock.now());
  await world.pass(world.limits.heartbeatMs);
  const next = await world.reader();
  assert.deepEqual(next.told, ["subscribed k-2"]);
});
