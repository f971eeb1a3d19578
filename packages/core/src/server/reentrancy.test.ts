import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { numbered, numbers, World } from "./world.test-support.ts";

const k = (offset: number) => ({ after: { epoch: "k", offset } });

describe("re-entrancy", () => {
  test("[SUB-5] a sink that ends its session while it is written to is written to no more", async () => {
    const world = new World({ limits: { pageEventsMax: 1 } });
    world.log().append(...numbers(5));
    for (const last of ["subscribed", "events", "end"] as const) {
      const client = world.client();
      client.sink.onWrite = ({ type }) => {
        if (type === last) client.session.gone();
      };
      if (last === "end") world.log().close();
      void client.subscribe("a", k(2), { presence: true, join: 1 });
      await world.settle();
      assert.equal(
        client.told.findIndex((word) => word.startsWith(last)),
        client.told.length - 1,
        client.told.join(),
      );
      assert.equal(client.sink.closes, 1);
    }
    assert.equal(world.hubs.stats().readers, 0);
    await world.pass(60_000);
    assert.deepEqual(world.hubs.lobbies.members("a"), []);
    assert.deepEqual(world.hubs.stats(), {
      hubs: 0,
      readers: 0,
      readersLive: 0,
      tailEvents: 0,
      tailBytes: 0,
    });
  });

  test("[ORD-1] one that ends another while it is written to", async () => {
    const world = new World();
    const [first, second] = [await world.reader(), await world.reader()];
    first.sink.onWrite = () => second.session.gone();
    world.log().append(numbered(1));
    await world.settle();
    assert.deepEqual(second.told, ["subscribed k-0"]);
    assert.equal(world.hubs.stats().readers, 1);
  });

  test("[DUP-1] one that begins to read while others are written to gets each event once", async () => {
    const world = new World();
    const first = await world.reader();
    const late = world.client();
    first.sink.onWrite = (message) => {
      if (message.type !== "events" || late.messages.length > 0) return;
      // What the hub has in memory is given at once, in the middle of the batch's way to the others.
      void late.subscribe("a", k(0));
    };
    world.log().append(...numbers(2));
    await world.settle();
    world.log().append(numbered(3));
    await world.settle();
    assert.deepEqual(late.check("a").events, ["k-1", "k-2", "k-3"]);
    assert.deepEqual(first.check("a").events, ["k-1", "k-2", "k-3"]);
  });

  test("[DUP-1] one that makes room while others are written to goes on behind them", async () => {
    const world = new World();
    const slow = await world.reader();
    slow.sink.room = 1;
    world.log().append(numbered(1));
    await world.settle();
    world.log().append(numbered(2));
    await world.settle();
    const quick = await world.reader();
    quick.sink.onWrite = (message) => {
      if (message.type === "events") slow.drain();
    };
    world.log().append(numbered(3));
    await world.settle();
    for (const client of [slow, quick]) assert.deepEqual(client.check("a").position, world.log().head);
    assert.deepEqual(slow.told, ["subscribed k-0", "events k-0 k-1", "events k-1 k-3"]);
  });

  test("[GAP-1] [MODE-1] one that causes more than the tail holds while it is written to misses nothing", async () => {
    const world = new World({ namespace: { tailEventsMax: 3 } });
    const [first, second] = [await world.reader(), await world.reader()];
    let burst = true;
    first.sink.onWrite = (message) => {
      if (message.type !== "events" || !burst) return;
      burst = false;
      world.log().append(...numbers(10, 2));
    };
    world.log().append(numbered(1));
    await world.settle();
    for (const client of [first, second]) {
      assert.equal(client.check("a").events.length, 11);
      assert.deepEqual(client.check("a").gaps, []);
    }
  });

  test("[SUB-5] readers that wait for the log: the first to be told ends the second", async () => {
    const world = new World();
    world.log().append(...numbers(3));
    world.broker.refuse("read");
    const first = await world.reader(k(1));
    const second = await world.reader(k(1));
    first.sink.onWrite = () => second.session.gone();
    world.broker.heal("read");
    await world.pass(1000);
    assert.deepEqual(first.told, ["subscribed k-1", "events k-1 k-3"]);
    world.log().append(numbered(4));
    await world.settle();
    assert.deepEqual(second.told, ["subscribed k-1"]);
    assert.equal(world.hubs.stats().readers, 1);
  });
});
