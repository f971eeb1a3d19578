import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { numbered, numbers, World } from "./world.test-support.ts";

const k = (offset: number) => ({ after: { epoch: "k", offset } });

describe("a reader", () => {
  test("[READ-1] [SUB-1] is told its position first, also where nothing was ever published", async () => {
    const world = new World();
    const client = await world.reader();
    assert.deepEqual(client.messages, [{ type: "subscribed", channel: "a", cursor: "k-0", head: "k-0" }]);
  });

  test("[SUB-1] starts at the cursor it asked for, and is told the head beside it", async () => {
    const world = new World();
    world.log().append(...numbers(5));
    const client = await world.reader(k(3));
    assert.deepEqual(client.messages[0], { type: "subscribed", channel: "a", cursor: "k-3", head: "k-5" });
    assert.deepEqual(client.told, ["subscribed k-3", "events k-3 k-5"]);
  });

  test("[CUR-3] starts at the head, the floor, or some events before the head, as they are then", async () => {
    const world = new World();
    world.log().append(...numbers(10));
    world.log().trim(4);
    const starts = [
      { after: "latest" },
      { after: "oldest" },
      { last: 0 },
      { last: 2 },
      { last: 100 },
    ] as const;
    const readers = await Promise.all(starts.map((start) => world.reader(start)));
    assert.deepEqual(
      readers.map((client) => client.told.join(", ")),
      [
        "subscribed k-10",
        "subscribed k-4, events k-4 k-10",
        "subscribed k-10",
        "subscribed k-8, events k-8 k-10",
        "subscribed k-4, events k-4 k-10",
      ],
    );
  });

  test("[ORD-1] [DUP-1] [MODE-1] gets all events in one order, in batches that follow each other", async () => {
    const world = new World({ limits: { pageEventsMax: 3 } });
    world.log().append(...numbers(8));
    const early = await world.reader(k(0));
    const late = await world.reader(k(7));
    for (let value = 9; value < 20; value++) {
      world.log().append(numbered(value));
      if (value % 3 === 0) await world.settle();
    }
    await world.settle();
    assert.deepEqual(early.check("a").position, world.log().head);
    assert.deepEqual(late.check("a").position, world.log().head);
    assert.equal(early.check("a").events.length, 19);
    assert.deepEqual(late.check("a").events, early.check("a").events.slice(7));
  });

  test("[ORD-1] [MODE-1] hears all appends of one tick as one batch", async () => {
    const world = new World();
    const client = await world.reader();
    for (const draft of numbers(4)) world.log().append(draft);
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-4"]);
  });

  test("[ORD-1] [DUP-1] reads offsets that are sparse", async () => {
    const world = new World({ limits: { pageEventsMax: 2 }, namespace: { tailEventsMax: 3 } });
    world.log().stride = 7;
    world.log().append(...numbers(9));
    const client = await world.reader(k(5));
    world.log().append(...numbers(4, 10));
    await world.settle();
    const between = await world.reader(k(80));
    assert.equal(client.check("a").events.length, 13);
    assert.deepEqual(between.check("a").events, ["k-84", "k-91"]);
  });
});

describe("a gap", () => {
  test("[GAP-1] [GAP-2] says what retention removed, before any later event", async () => {
    const world = new World();
    world.log().append(...numbers(10));
    world.log().trim(6);
    const client = await world.reader(k(2));
    assert.deepEqual(client.told, ["subscribed k-2", "gap k-2 k-6 expired", "events k-6 k-10"]);
    client.check("a");
  });

  test("[GAP-2] [GAP-3] an unknown epoch is read from the floor", async () => {
    const world = new World();
    world.log().recreate("m");
    world.log().append(...numbers(40));
    world.log().trim(5);
    const client = await world.reader(k(900));
    assert.deepEqual(client.told, ["subscribed k-900", "gap k-900 m-5 epoch", "events m-5 m-40"]);
    client.check("a");
  });

  test("[GAP-2] [GAP-3] answers a cursor beyond the head, in a log with events and in an empty one", async () => {
    const world = new World();
    world.log("a").append(...numbers(3));
    const full = await world.reader(k(17), "a");
    const empty = await world.reader(k(17), "b");
    assert.deepEqual(full.told, ["subscribed k-17", "gap k-17 k-0 epoch", "events k-0 k-3"]);
    assert.deepEqual(empty.told, ["subscribed k-17", "gap k-17 k-0 epoch"]);
    world.log("b").append(...numbers(2));
    await world.settle();
    assert.deepEqual(empty.told.slice(2), ["events k-0 k-2"]);
  });

  test("[GAP-2] says that a reader lagged too far, and goes on at the head", async () => {
    const world = new World({ namespace: { maxLag: 5 } });
    world.log().append(...numbers(20));
    const within = await world.reader(k(15));
    const beyond = await world.reader(k(14));
    assert.deepEqual(within.told.slice(1), ["events k-15 k-20"]);
    assert.deepEqual(beyond.told.slice(1), ["gap k-14 k-20 slow"]);
    world.log().append(numbered(21));
    await world.settle();
    assert.deepEqual(beyond.told.slice(2), ["events k-20 k-21"]);
  });

  test("[GAP-2] passes on the reason that the broker gives", async () => {
    const world = new World();
    world.log().append(...numbers(10));
    world.log().trim(6);
    const { broker } = world;
    const read = broker.read.bind(broker);
    broker.read = async (...given) => ({ ...(await read(...given)), gap: "limit" });
    const client = await world.reader(k(2));
    assert.deepEqual(client.told[1], "gap k-2 k-6 limit");
  });

  test("[GAP-1] a live reader is told when the log is lost under it", async () => {
    const world = new World();
    world.log().append(...numbers(3));
    const client = await world.reader();
    world.log().recreate("m");
    world.log().append(...numbers(2));
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-3", "gap k-3 m-0 epoch", "events m-0 m-2"]);
  });

  test("[GAP-1] [GAP-2] a log that lost its newest events is noticed within a heartbeat, and read from its floor", async () => {
    const world = new World();
    world.log().append(...numbers(10));
    const client = await world.reader();
    world.log().loseAfter(4);
    world.log().route = () => {};
    world.log().append(...numbers(3, 50));
    await world.pass(world.limits.heartbeatMs);
    assert.deepEqual(
      client.told.filter((word) => word !== "heartbeat"),
      ["subscribed k-10", "gap k-10 k-0 epoch", "events k-0 k-7"],
    );
  });
});

describe("catching up", () => {
  test("[READ-3] is paged, from the oldest missing event forward", async () => {
    const world = new World({ limits: { pageEventsMax: 4 } });
    world.log().append(...numbers(10));
    const client = await world.reader(k(1));
    assert.deepEqual(client.told, ["subscribed k-1", "events k-1 k-5", "events k-5 k-9", "events k-9 k-10"]);
  });

  test("[READ-3] pages are bounded in bytes, and hold at least one event", async () => {
    const world = new World({ limits: { pageBytesMax: 10 } });
    const wide = { payload: { encoding: "json", text: '"0123456789"' } } as const;
    world.log().append(wide, wide, ...numbers(3));
    const client = await world.reader(k(0));
    assert.deepEqual(client.told.slice(1), ["events k-0 k-1", "events k-1 k-2", "events k-2 k-5"]);
  });

  test("[READ-3] [BEAT-2] a reader counts as live only when it is", async () => {
    const world = new World({ limits: { pageEventsMax: 4 } });
    world.log().append(...numbers(10));
    const held = world.broker.hold("read");
    const client = await world.reader(k(1));
    assert.equal(client.session.caughtUp, false);
    await world.pass(world.limits.heartbeatMs);
    assert.deepEqual(client.sink.of("heartbeat").at(-1)?.heads, {});
    world.broker.unhold("read");
    held.release();
    await world.settle();
    assert.equal(client.session.caughtUp, true);
    await world.pass(world.limits.heartbeatMs);
    assert.deepEqual(client.sink.of("heartbeat").at(-1)?.heads, { a: "k-10" });
  });

  test("[READ-3] a hundred thousand events are read back in pages", async () => {
    const world = new World();
    const log = world.log();
    log.append(...numbers(100_000));
    const client = await world.reader(k(0));
    const check = client.check("a");
    assert.equal(check.events.length, 100_000);
    assert.deepEqual(check.position, { epoch: "k", offset: 100_000 });
    assert.ok(client.sink.of("events").every(({ events }) => events.length <= world.limits.pageEventsMax));
  });

  test("[READ-3] a burst larger than the tail is read from the log, by all who were live", async () => {
    const world = new World({ limits: { pageEventsMax: 50 }, namespace: { tailEventsMax: 10 } });
    const [one, two] = [await world.reader(), await world.reader()];
    world.log().append(...numbers(200));
    await world.settle();
    for (const client of [one, two]) {
      assert.equal(client.check("a").events.length, 200);
      assert.deepEqual(client.check("a").position, { epoch: "k", offset: 200 });
    }
    assert.equal(world.broker.count("read a k-0"), 1);
  });

  test("[DUP-1] a page that was asked for before the log moved on is followed by what came since", async () => {
    const world = new World();
    world.log().append(...numbers(5));
    const held = world.broker.hold("read", "call");
    const client = await world.reader(k(1));
    world.log().append(...numbers(5, 6));
    await world.settle();
    world.broker.unhold("read");
    held.release();
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-1", "events k-1 k-5", "events k-5 k-10"]);
  });

  test("[DUP-1] an answer out of a log that is no more is not mixed with the new one", async () => {
    const world = new World();
    world.log().append(...numbers(5));
    const held = world.broker.hold("read", "call");
    const client = await world.reader(k(1));
    world.log().recreate("m");
    world.log().append(...numbers(3));
    world.broker.unhold("read");
    held.release();
    await world.settle();
    assert.deepEqual(client.told, [
      "subscribed k-1",
      "events k-1 k-5",
      "gap k-5 m-0 epoch",
      "events m-0 m-3",
    ]);
  });
});

describe("the end of a channel", () => {
  test("[END-1] live readers are told after what came before it", async () => {
    const world = new World();
    const client = await world.reader();
    world.log().append(numbered(1));
    world.log().close();
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-1", "end k-1"]);
  });

  test("[END-1] a reader that starts at the end is told so, and one that missed the notice within a heartbeat", async () => {
    const world = new World();
    const client = await world.reader();
    world.log().route = () => {};
    world.log().close();
    await world.pass(world.limits.heartbeatMs);
    assert.equal(client.told.at(-1), "end k-0");
    const late = await world.reader(k(0));
    assert.deepEqual(late.told, ["subscribed k-0", "end k-0"]);
  });

  test("[END-1] [BND-1] a reader whose sink is full is told when it drains", async () => {
    const world = new World();
    const client = await world.reader();
    client.sink.room = 1;
    world.log().append(numbered(1));
    await world.settle();
    world.log().close();
    await world.settle();
    assert.deepEqual(client.sink.excess, []);
    client.drain();
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-1", "end k-1"]);
  });
});
