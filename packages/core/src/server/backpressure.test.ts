import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, CountingFraming, numbered, numbers, World } from "./world.test-support.ts";

const k = (offset: number) => ({ after: { epoch: "k", offset } });

describe("a reader that takes no bytes", () => {
  async function filled(world: World): Promise<Client> {
    const client = await world.reader();
    client.sink.room = 1;
    world.log().append(numbered(1));
    await world.settle();
    return client;
  }

  test("[BND-1] gets none, delays nobody, and goes on from its cursor", async () => {
    const world = new World();
    const slow = await filled(world);
    const quick = await world.reader();
    for (const draft of numbers(20, 2)) {
      world.log().append(draft);
      await world.settle();
    }
    assert.deepEqual(slow.told, ["subscribed k-0", "events k-0 k-1"]);
    assert.equal(quick.check("a").events.length, 20);
    slow.drain();
    assert.deepEqual(slow.told.slice(2), ["events k-1 k-21"]);
    world.log().append(numbered(22));
    await world.settle();
    assert.deepEqual(slow.told.slice(3), ["events k-21 k-22"]);
    assert.deepEqual(slow.sink.excess, []);
  });

  test("[BND-1] is given no more than it takes, and asks again for what did not fit", async () => {
    const world = new World({ limits: { pageEventsMax: 2 }, namespace: { mode: "latest" } });
    world.log().append(...Array.from({ length: 7 }, (_, index) => numbered(index, `key-${index}`)));
    const client = world.client();
    client.sink.room = 2;
    void client.subscribe("a", k(0));
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-2"]);
    for (const told of ["events k-2 k-4", "events k-4 k-6", "events k-6 k-7"]) {
      client.drain(1);
      await world.settle();
      assert.equal(client.told.at(-1), told);
    }
    assert.deepEqual(client.sink.excess, []);
    client.check("a");
  });

  test("[BND-1] a page that arrives when it is full is not kept for it, nor is the gap before it lost", async () => {
    const world = new World();
    world.log().append(...numbers(10));
    world.log().trim(5);
    const held = world.broker.hold("read");
    const client = await world.reader(k(1));
    client.sink.room = 1;
    client.session.say({ type: "pong" });
    held.release();
    world.broker.unhold("read");
    await world.settle();
    assert.deepEqual(client.sink.excess, []);
    client.drain();
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-1", "pong", "gap k-1 k-5 expired", "events k-5 k-10"]);
  });

  test("[BND-1] many at one place share one encoding of the tail", async () => {
    const world = new World();
    const framing = new CountingFraming();
    const readers: Client[] = [];
    for (let count = 0; count < 20; count++) {
      readers.push(await world.reader({ after: "latest" }, "a", { framing }));
    }
    for (const client of readers) client.sink.room = 1;
    world.log().append(numbered(1));
    await world.settle();
    world.log().append(...numbers(10, 2));
    await world.settle();
    framing.encodings = 0;
    for (const client of readers) client.drain();
    assert.equal(framing.encodings, 1);
    const [first] = readers;
    for (const client of readers) {
      assert.equal(client.told.at(-1), "events k-1 k-11");
      assert.equal(client.sink.writes.at(-1), first?.sink.writes.at(-1), "the very same bytes");
    }
    assert.equal(world.broker.count("read"), 0);
  });

  test("[BND-1] many at one place share one read of the log and its encoding, also one after the other", async () => {
    const world = new World({ namespace: { tailEventsMax: 2 } });
    world.log().append(...numbers(30));
    const framing = new CountingFraming();
    const together = Array.from({ length: 20 }, () => world.client({ framing }));
    for (const client of together) void client.subscribe("a", k(10));
    await world.settle();
    assert.equal(world.broker.count("read a k-10"), 1);
    assert.equal(framing.encodings, 1);
    const later = await world.reader(k(10), "a", { framing });
    assert.equal(later.told.at(-1), "events k-10 k-30");
    assert.equal(world.broker.count("read a k-10"), 1);
    assert.equal(framing.encodings, 1);
  });

  test("[BND] readers that resume from different places below the head share one read", async () => {
    const world = new World();
    world.log().append(...numbers(50));
    const first = await world.reader(k(20));
    const reads = world.broker.count("read");
    for (const offset of [20, 25, 33, 49]) {
      const client = await world.reader(k(offset));
      assert.deepEqual(client.told, [`subscribed k-${offset}`, `events k-${offset} k-50`]);
    }
    assert.equal(world.broker.count("read"), reads);
    first.check("a");
  });
});
