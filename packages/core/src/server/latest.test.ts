import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Draft, LogEvent } from "@holdfast/protocol";
import fc from "fast-check";
import { EncodedEvent } from "./batch.ts";
import { conflate, stateBatches } from "./latest.ts";
import { numbered, World } from "./world.test-support.ts";

const k = (offset: number) => ({ after: { epoch: "k", offset } });
const latest = { mode: "latest" } as const;

/** Events that go around some keys. */
function keyed(count: number, keys: number, first = 0): Draft[] {
  return Array.from({ length: count }, (_, index) =>
    numbered(first + index, `key-${(first + index) % keys}`),
  );
}

function event(offset: number, key?: string): LogEvent {
  return { ...numbered(offset, key), offset, at: 0 };
}

describe("mode latest", () => {
  test("[MODE-2] conflating keeps the newest of each key, in order; events without a key are one key", () => {
    const events = [event(1, "x"), event(2), event(3, "y"), event(4, "x"), event(5)].map(
      (one) => new EncodedEvent("k", one),
    );
    assert.deepEqual(
      conflate(events).map(({ offset }) => offset),
      [3, 4, 5],
    );
    const untouched = events.slice(0, 3);
    assert.equal(conflate(untouched), untouched, "nothing is copied where nothing is left out");
  });

  test("[MODE-2] [DUP-1] the batches of a state follow each other from any place to its end, each within the limits", () => {
    const offsets = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { maxLength: 40 });
    fc.assert(
      fc.property(offsets, fc.nat(70), fc.integer({ min: 1, max: 5 }), (some, from, eventsMax) => {
        const events = some.toSorted((a, b) => a - b).map((offset) => event(offset, `key-${offset}`));
        const state = { epoch: "k", to: 60, events, truncatedAt: 0 };
        const batches = stateBatches("a", state, from, { eventsMax, bytesMax: 6 });
        let at = from;
        for (const batch of batches) {
          assert.equal(batch.from, at);
          assert.ok(batch.to > batch.from);
          assert.ok(batch.events.length <= eventsMax);
          for (const { offset } of batch.events) assert.ok(offset > batch.from && offset <= batch.to);
          at = batch.to;
        }
        assert.equal(at, Math.max(from, 60));
        assert.deepEqual(
          batches.flatMap((batch) => batch.events.map(({ offset }) => offset)),
          events.map(({ offset }) => offset).filter((offset) => offset > from),
        );
      }),
    );
  });

  test("[MODE-2] [DUP-1] live readers get the newest per key of a tick, and the batch reaches as far", async () => {
    const world = new World({ namespace: latest });
    const client = await world.reader();
    world.log().append(...keyed(9, 3));
    await world.settle();
    const [batch] = client.sink.of("events");
    assert.deepEqual([batch?.from, batch?.to], ["k-0", "k-9"]);
    assert.deepEqual(
      batch?.events.map(({ data }) => data),
      [6, 7, 8],
    );
    client.check("a");
  });

  test("[MODE-2] a reader that lags beyond the tail skips to the state, in bounded pages", async () => {
    const world = new World({ namespace: { ...latest, tailEventsMax: 2 }, limits: { pageEventsMax: 4 } });
    world.log().append(...keyed(100, 10));
    const client = await world.reader(k(3));
    assert.deepEqual(client.told, [
      "subscribed k-3",
      "events k-3 k-94",
      "events k-94 k-98",
      "events k-98 k-100",
    ]);
    assert.equal(client.check("a").events.length, 10);
    assert.equal(world.broker.count("read"), 0);
  });

  test("[MODE-2] [DUP-1] a reader that stops in the middle of the state goes on from there, whatever was replaced meanwhile", async () => {
    const world = new World({ namespace: { ...latest, tailEventsMax: 2 }, limits: { pageEventsMax: 4 } });
    world.log().append(...keyed(20, 10));
    const client = world.client();
    client.sink.room = 2;
    void client.subscribe("a", k(0));
    await world.settle();
    assert.deepEqual(client.told, ["subscribed k-0", "events k-0 k-14"]);
    // Two of the keys that it has and two that it has not.
    world
      .log()
      .append(...["key-1", "key-2", "key-7", "key-9"].map((key, index) => numbered(100 + index, key)));
    await world.settle();
    // The pages that were read for it are gone by the next heartbeat.
    await world.pass(world.limits.heartbeatMs);
    client.drain();
    await world.settle();
    const check = client.check("a");
    assert.deepEqual(check.position, { epoch: "k", offset: 24 });
    const newest = new Map<string | undefined, unknown>();
    for (const { events } of client.sink.of("events")) {
      for (const { key, data } of events) newest.set(key, data);
    }
    const state = world.log().state().events;
    assert.equal(newest.size, state.length);
    for (const { key, payload } of state) {
      assert.equal(JSON.stringify(newest.get(key)), payload.encoding === "json" && payload.text);
    }
  });

  test("[MODE-2] a new connection resumes from the middle of the state", async () => {
    const world = new World({ namespace: { ...latest, tailEventsMax: 2 }, limits: { pageEventsMax: 4 } });
    world.log().append(...keyed(20, 10));
    const client = await world.reader(k(14));
    assert.deepEqual(client.told, ["subscribed k-14", "events k-14 k-18", "events k-18 k-20"]);
  });

  test("[MODE-2] [STATE-2] what retention removed is no gap, for the state outlives it", async () => {
    const world = new World({ namespace: latest });
    world.log().append(...keyed(20, 10));
    world.log().trim(18);
    const client = await world.reader(k(5));
    assert.deepEqual(client.told, ["subscribed k-5", "events k-5 k-20"]);
    assert.equal(client.check("a").events.length, 10);
  });

  test("[GAP-2] [MODE-2] keys that a limit removed from state and log are a gap", async () => {
    const world = new World({ namespace: latest });
    world.log().stateKeysMax = 4;
    world.log().append(...keyed(10, 10));
    world.log().trim(9);
    const client = await world.reader(k(2));
    assert.deepEqual(client.told, ["subscribed k-2", "gap k-2 k-6 limit", "events k-6 k-10"]);
    assert.equal(client.check("a").events.length, 4);
  });

  test("[GAP-1] [MODE-2] keys that a limit removed from the state alone are read from the log: no gap says what is not so", async () => {
    const world = new World({ namespace: latest });
    world.log().stateKeysMax = 4;
    world.log().append(...keyed(10, 10));
    world.log().trim(1);
    const client = await world.reader(k(2));
    assert.deepEqual(client.told, ["subscribed k-2", "events k-2 k-10"]);
    assert.equal(client.check("a").events.length, 8);
    const behind = await world.reader(k(0));
    assert.deepEqual(behind.told, ["subscribed k-0", "gap k-0 k-1 expired", "events k-1 k-10"]);
  });

  test("[GAP-3] [MODE-2] an unknown epoch is a gap to where the state begins", async () => {
    const world = new World({ namespace: latest });
    world.log().append(...keyed(20, 10));
    world.log().trim(15);
    const client = await world.reader({ after: { epoch: "old", offset: 4 } });
    assert.deepEqual(client.told, ["subscribed old-4", "gap old-4 k-0 epoch", "events k-0 k-20"]);
    assert.equal(client.check("a").events.length, 10);
  });

  test("[GAP-2] [MODE-2] nobody lags too far: a skip to the newest of each key loses nothing", async () => {
    const world = new World({ namespace: { ...latest, maxLag: 3 } });
    world.log().append(...keyed(20, 10));
    const client = await world.reader(k(5));
    assert.deepEqual(client.told, ["subscribed k-5", "events k-5 k-20"]);
  });

  test("[MODE-2] where the broker keeps no state, pages of the log do", async () => {
    const world = new World({ namespace: latest, limits: { pageEventsMax: 6 } });
    world.broker.capabilities = { ...world.broker.capabilities, state: false };
    world.log().append(...keyed(10, 2));
    const client = await world.reader(k(1));
    assert.deepEqual(client.told, ["subscribed k-1", "events k-1 k-7", "events k-7 k-10"]);
    assert.equal(client.check("a").events.length, 4);
  });
});
