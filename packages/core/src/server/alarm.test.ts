import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { numbered, numbers, World } from "./world.test-support.ts";

const k = (offset: number) => ({ epoch: "k", offset });

describe("waiting for news", () => {
  test("[JSON-3] wakes once, when there is an event after the cursor", async () => {
    const world = new World();
    let wakes = 0;
    await world.hubs.wait("a", k(0), () => wakes++);
    assert.equal(wakes, 0);
    world.log().append(numbered(1));
    await world.settle();
    world.log().append(numbered(2));
    await world.settle();
    assert.equal(wakes, 1);
    assert.equal(world.hubs.stats().readers, 0);
  });

  test("[JSON-3] wakes at once where something lies after the cursor, the channel has ended, or the log is another", async () => {
    const world = new World();
    world.log("a").append(...numbers(3));
    world.log("b").close();
    const woken: string[] = [];
    await world.hubs.wait("a", k(1), () => woken.push("events"));
    await world.hubs.wait("b", k(0), () => woken.push("end"));
    await world.hubs.wait("a", { epoch: "old", offset: 3 }, () => woken.push("gap"));
    await world.settle();
    assert.deepEqual(woken.toSorted(), ["end", "events", "gap"]);
    assert.equal(world.hubs.stats().readers, 0);
  });

  test("[JSON-3] wakes at the end of the channel", async () => {
    const world = new World();
    let wakes = 0;
    await world.hubs.wait("a", k(0), () => wakes++);
    world.log().close();
    await world.settle();
    assert.equal(wakes, 1);
  });

  test("[JSON-3] is not woken by a stretch of offsets without events", async () => {
    const world = new World();
    let wakes = 0;
    await world.hubs.wait("a", k(0), () => wakes++);
    world.log().tell({ epoch: "k", from: 0, to: 7, events: [] });
    await world.settle();
    assert.equal(wakes, 0);
    world.log().tell({ epoch: "k", from: 7, to: 8, events: [{ ...numbered(1), offset: 8, at: 0 }] });
    await world.settle();
    assert.equal(wakes, 1);
  });

  test("[JSON-3] cancelled, it is not woken and leaves nothing behind", async () => {
    const world = new World();
    let wakes = 0;
    const cancel = await world.hubs.wait("a", k(0), () => wakes++);
    cancel();
    cancel();
    world.log().append(numbered(1));
    await world.settle();
    assert.equal(wakes, 0);
    assert.equal(world.hubs.stats().readers, 0);
  });
});
