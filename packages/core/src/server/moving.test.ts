import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Client, numbered, World } from "./world.test-support.ts";

const graceMs = 5000;

function farewellOf({ sink: { farewell } }: Client): unknown {
  return farewell;
}

describe("a client that is asked to go elsewhere", () => {
  test("[CALM-2] is told once, and served until it goes", async () => {
    const world = new World();
    const client = await world.reader({ after: "latest" }, "a", { moves: true });
    client.session.move(200, "drain", graceMs);
    assert.equal(client.session.isMoving, true);
    world.log().append(numbered(1));
    await world.pass(graceMs);
    assert.deepEqual(client.told, ["subscribed k-0", "reconnect", "events k-0 k-1"]);
    assert.deepEqual(client.sink.of("reconnect"), [{ type: "reconnect", delayMs: 200, reason: "drain" }]);
    assert.equal(farewellOf(client), undefined);
    client.session.gone();
    await world.pass(graceMs);
    assert.equal(client.sink.closes, 1);
  });

  test("[CALM-2] is let go when its grace is over, and told again", async () => {
    const world = new World();
    const client = await world.reader({ after: "latest" }, "a", { moves: true });
    client.session.move(200, "drain", graceMs);
    await world.pass(200 + graceMs - 1);
    assert.equal(farewellOf(client), undefined);
    await world.pass(1);
    assert.deepEqual(farewellOf(client), { kind: "reconnect", delayMs: 200, reason: "drain" });
    assert.equal(client.sink.of("reconnect").length, 2);
  });

  test("[ACK-1] [CALM-2] is answered what it has published before it is let go, and read from no more", async () => {
    const world = new World();
    const client = await world.reader({ after: "latest" }, "a", { moves: true });
    const held = world.broker.hold("append");
    client.session.publish(1, "b", [numbered(1)]);
    client.session.publish(2, "b", [numbered(2)]);
    client.session.move(0, "drain", graceMs);
    await world.pass(2 * graceMs);
    assert.deepEqual([farewellOf(client), client.sink.isPaused], [undefined, true]);
    held.release();
    await world.settle();
    held.release();
    await world.settle();
    assert.deepEqual(
      client.sink.of("published").map(({ ref }) => ref),
      [1, 2],
    );
    assert.deepEqual(farewellOf(client), { kind: "reconnect", delayMs: 0, reason: "drain" });
  });

  test("[CALM-3] is let go at once where it cannot open the next connection before this one has ended", async () => {
    const world = new World();
    const client = await world.reader();
    client.session.move(700, "drain", graceMs);
    await world.settle();
    assert.deepEqual(farewellOf(client), { kind: "reconnect", delayMs: 700, reason: "drain" });
    assert.deepEqual(client.told, ["subscribed k-0", "reconnect"]);
  });

  test("[CALM-2] is told nothing before its welcome", async () => {
    const world = new World();
    const client = world.client({ moves: true, greets: true });
    client.session.move(0, "drain", graceMs);
    await world.settle();
    assert.deepEqual(
      [client.told, farewellOf(client)],
      [[], { kind: "reconnect", delayMs: 0, reason: "drain" }],
    );
  });
});

describe("a connection that becomes old", () => {
  test("[CALM-4] is asked to go elsewhere, and keeps being served meanwhile", async () => {
    const world = new World();
    const client = await world.reader({ after: "latest" }, "a", {
      moves: true,
      ageMsMax: 60_000,
      hears: false,
    });
    await world.pass(59_999);
    assert.deepEqual(client.sink.of("reconnect"), []);
    await world.pass(1);
    assert.deepEqual(client.sink.of("reconnect"), [{ type: "reconnect", delayMs: 0, reason: "rotate" }]);
    world.log().append(numbered(1));
    await world.settle();
    assert.equal(client.sink.of("events").length, 1);
    await world.pass(60_000);
    assert.deepEqual(farewellOf(client), { kind: "reconnect", delayMs: 0, reason: "rotate" });
  });

  test("[CALM-4] ends where its client hears nothing before the end", async () => {
    const world = new World();
    const client = await world.reader({ after: "latest" }, "a", { ageMsMax: 60_000, hears: false });
    await world.pass(60_000);
    assert.deepEqual(farewellOf(client), { kind: "reconnect", delayMs: 1000, reason: "rotate" });
  });
});
