import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import { numbered, numbers, World } from "./world.test-support.ts";

const k = (offset: number) => ({ after: { epoch: "k", offset } });

describe("what a broker tells", () => {
  test("[DUP-1] twice is delivered once", async () => {
    const world = new World();
    const client = await world.reader();
    world.log().route = (tell) => {
      tell();
      tell();
    };
    world.log().append(...numbers(3));
    await world.settle();
    const again = world.log().append(numbered(4));
    await world.settle();
    world.log().append(numbered(5));
    world.log().tell(again);
    await world.settle();
    world.log().tell(again);
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-3", "events k-3 k-4", "events k-4 k-5"]);
    assert.equal(world.broker.count("read"), 0);
  });

  test("[DUP-1] a batch that begins before the head is taken from the head on", async () => {
    const world = new World();
    const client = await world.reader();
    const first = world.log().append(...numbers(3));
    world.log().route = () => {};
    const second = world.log().append(...numbers(2, 4));
    world.log().tell({ ...second, from: first.from, events: [...first.events, ...second.events] });
    await world.settle();
    assert.equal(client.check("a").events.length, 5);
    assert.equal(world.broker.count("read"), 0);
  });

  test("[GAP-1] [BEAT-3] with a hole is read from the log before more is said", async () => {
    const world = new World();
    const client = await world.reader();
    world.log().route = () => {};
    world.log().append(...numbers(3));
    world.log().route = (tell) => tell();
    world.log().append(...numbers(2, 4));
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-5"]);
    assert.equal(world.broker.count("read a k-0"), 1);
  });

  test("[ORD-1] late and out of order is put in order by the log", async () => {
    const world = new World();
    const client = await world.reader();
    const kept: (() => void)[] = [];
    world.log().route = (tell) => kept.unshift(tell);
    for (const draft of numbers(6)) world.log().append(draft);
    for (const tell of kept) {
      tell();
      await world.settle();
    }
    assert.equal(client.check("a").events.length, 6);
    assert.deepEqual(client.check("a").position, world.log().head);
  });

  test("[ORD-1] out of another epoch is not believed without reading", async () => {
    const world = new World();
    world.log().append(...numbers(3));
    const client = await world.reader();
    world.log().tell({
      ...world.log().read({ epoch: "k", offset: 0 }, { eventsMax: 9, bytesMax: 99 }),
      epoch: "old",
      from: 3,
      to: 6,
    });
    await world.settle();
    world.log().append(numbered(4));
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-3", "events k-3 k-4"]);
  });

  test("[GAP-1] heard before the log was lost is delivered, and only then the gap told", async () => {
    const world = new World();
    const client = await world.reader();
    world.log().append(...numbers(3));
    world.log().recreate("m");
    world.log().disturb();
    // The log is read while the tick in which the events came still goes on.
    await world.wait();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-3", "gap k-3 m-0 epoch"]);
  });

  test("[BND] after its hub was given up reaches nobody, and is not looked into", async () => {
    const world = new World();
    const client = await world.reader();
    const [observer] = world.log().observers;
    const read = world.broker.hold("read");
    world.log().disturb();
    world.hubs.stop();
    read.release();
    const batch = world.log().append(...numbers(2));
    observer?.appended(batch);
    observer?.disturbed();
    observer?.closed();
    await world.settle();
    assert.deepEqual(
      [client.told, world.isScheduled, world.broker.count("read")],
      [["subscribed k-0"], false, 1],
    );
  });

  test("[GAP-1] a disturbance is looked into", async () => {
    const world = new World();
    const client = await world.reader();
    world.log().route = () => {};
    world.log().append(...numbers(3));
    world.log().disturb();
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-3"]);
  });

  test("[BEAT-3] nothing: a deaf hub heals within one heartbeat", async () => {
    const world = new World();
    const client = await world.reader();
    world.log().route = () => {};
    world.log().append(...numbers(5));
    await world.pass(world.limits.heartbeatMs - 1);
    assert.deepEqual(client.told, ["subscribed k-0"]);
    await world.pass(1);
    assert.ok(client.told.includes("events k-0 k-5"));
    client.check("a");
  });

  test("[BND] many times over is looked into one read at a time, and once more", async () => {
    const world = new World();
    const client = await world.reader();
    const read = world.broker.hold("read");
    for (let count = 0; count < 5; count++) world.log().disturb();
    await world.settle();
    assert.equal(world.broker.count("read"), 1);
    world.broker.unhold("read");
    read.release();
    await world.settle();
    assert.equal(world.broker.count("read"), 2);
    client.check("a");
  });

  test("[BEAT-3] while the log is being read is looked into afterwards", async () => {
    const world = new World();
    const client = await world.reader();
    const held = world.broker.hold("read", "call");
    world.log().route = () => {};
    world.log().append(...numbers(2));
    world.log().disturb();
    await world.settle();
    world.log().append(...numbers(2, 3));
    world.log().disturb();
    world.broker.unhold("read");
    held.release();
    await world.settle();
    assert.deepEqual(client.check("a").position, { epoch: "k", offset: 4 });
  });
});

describe("a log that cannot be read", () => {
  test("[GAP-1] says nothing false, and all heals by itself", async () => {
    const world = new World();
    world.log().append(...numbers(8));
    const live = await world.reader();
    world.broker.refuse("read");
    const behind = await world.reader(k(2));
    world.log().route = () => {};
    world.log().append(...numbers(2, 9));
    world.log().disturb();
    await world.pass(5000);
    assert.deepEqual(live.told, ["subscribed k-8"]);
    assert.deepEqual(behind.told, ["subscribed k-2"]);
    world.broker.heal("read");
    await world.pass(1000);
    assert.deepEqual(live.told.slice(1), ["events k-8 k-10"]);
    assert.deepEqual(behind.check("a").position, { epoch: "k", offset: 10 });
    assert.deepEqual(world.faults, []);
  });

  test("[GAP-1] is asked again after a second, not at once", async () => {
    const world = new World();
    world.log().append(...numbers(8));
    world.broker.refuse("read");
    await world.reader(k(2));
    const asked = world.broker.count("read");
    await world.pass(999);
    assert.equal(world.broker.count("read"), asked);
    await world.pass(1);
    assert.ok(world.broker.count("read") > asked);
  });

  test("[GAP-1] is asked again after a second where it does not show what the hub has seen", async () => {
    const world = new World({ namespace: { tailEventsMax: 1 } });
    world.log().append(...numbers(3));
    const client = await world.reader();
    const { broker } = world;
    const read = broker.read.bind(broker);
    // A replica that lags: it knows neither the newest events nor that they are missing.
    broker.read = async (channel, after, limits) => {
      const page = await read(channel, after, limits);
      return { ...page, to: page.from, events: [], range: { ...page.range, head: page.from } };
    };
    client.sink.room = 1;
    world.log().append(numbered(4));
    await world.settle();
    for (const draft of numbers(3, 5)) world.log().append(draft);
    await world.settle();
    client.drain();
    await world.settle();
    const asked = broker.count("read");
    await world.pass(900);
    assert.equal(broker.count("read"), asked);
    broker.read = read;
    await world.pass(1100);
    assert.deepEqual(client.check("a").position, { epoch: "k", offset: 7 });
  });

  test("[BND] a broker that shows no progress is asked again after a second, not in a loop", async () => {
    const world = new World();
    const client = await world.reader();
    const { broker } = world;
    const read = broker.read.bind(broker);
    broker.read = async (channel, after, limits) => {
      const page = await read(channel, after, limits);
      return { ...page, to: page.from, events: [] };
    };
    world.log().route = () => {};
    world.log().append(...numbers(3));
    world.log().disturb();
    await world.settle();
    assert.ok(broker.count("read") < 5, `${broker.count("read")} reads`);
    broker.read = read;
    await world.pass(1000);
    assert.deepEqual(client.check("a").position, { epoch: "k", offset: 3 });
  });

  test("[SEE] what is no outcome of a broker is reported as a fault", async () => {
    const world = new World();
    world.log().append(...numbers(3));
    world.broker.refuse("read", new TypeError("a bug in a driver"));
    await world.reader(k(0));
    assert.equal((world.faults[0] as Error).message, "a bug in a driver");
    world.faults.length = 0;
    world.broker.refuse("read", new HoldfastError("broker_unavailable"));
    await world.pass(1000);
    assert.deepEqual(world.faults, []);
  });
});
