import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogEvent } from "@holdfast/protocol";
import { Batch, EncodedEvent } from "./batch.ts";
import { Cohort } from "./cohort.ts";
import { defaultNamespace, type NamespaceSettings } from "./settings.ts";
import { type Client, numbers, World } from "./world.test-support.ts";

function eventsUpTo(count: number, bytes = 10): LogEvent[] {
  const payload = { encoding: "text", text: "x".repeat(bytes) } as const;
  return Array.from({ length: count }, (_, index) => ({ offset: index + 1, at: 0, payload }));
}

function cohortOf(count: number, settings: Partial<NamespaceSettings> = {}, bytes = 10): Cohort {
  const limits = { eventsMax: 100, bytesMax: 1000 };
  const cohort = new Cohort("a", { ...defaultNamespace, ...settings }, limits, { epoch: "k", offset: 0 });
  cohort.push(eventsUpTo(count, bytes), count);
  cohort.advance();
  return cohort;
}

describe("a cohort", () => {
  test("[BND] what is kept for readers that lag is bounded, wherever they stand, and is given back", () => {
    const cohort = cohortOf(1000, {}, 10);
    const before = cohort.bytes;
    for (let offset = 0; offset < 1000; offset++) cohort.after(offset);
    // Four pages of 1,000 bytes and 100 events, with what an event costs beside its payload.
    assert.ok(cohort.bytes <= before + 4 * (1000 + 101 * 128), `${cohort.bytes - before}`);
    cohort.forgetRecent();
    assert.equal(cohort.bytes, before);
  });

  test("[BND-1] readers at one place share a batch, which reaches to the front at most", () => {
    const cohort = cohortOf(50);
    const batch = cohort.after(20);
    assert.equal(cohort.after(20), batch);
    assert.deepEqual([batch?.from, batch?.to, batch?.events.length], [20, 50, 30]);
    assert.equal(cohort.after(50), undefined, "nothing lies after the front");
    assert.equal(cohort.after(70), undefined);
  });

  test("[GAP-1] what the tail does not hold is not made up", () => {
    const cohort = cohortOf(50, { tailEventsMax: 10 });
    assert.equal(cohort.after(39), undefined);
    assert.equal(cohort.after(40)?.events.length, 10);
  });

  test("[BND] what was read for one is there for the others at its place, and after it where it touches the tail", () => {
    const cohort = cohortOf(50, { tailEventsMax: 40 });
    const events = eventsUpTo(30)
      .slice(5)
      .map((event) => new EncodedEvent("k", event));
    const page = new Batch("a", "k", 5, 30, events);
    cohort.keep([page]);
    assert.equal(cohort.after(5), page);
    // The tail was full: it has no room for what lies before it.
    assert.equal(cohort.after(7), undefined);
    const roomy = cohortOf(0);
    roomy.restart("k", 30);
    roomy.keep([page]);
    assert.equal(roomy.after(7)?.events.length, 23);
  });

  test("[MODE-2] [MODE-1] a state leaves events out, so the tail does not grow by it", () => {
    const cohort = cohortOf(0, { mode: "latest" });
    cohort.restart("k", 30);
    cohort.keep([new Batch("a", "k", 5, 30, [])]);
    assert.equal(cohort.after(7), undefined);
  });

  test("[GAP-2] of another log nothing is kept, and a restart forgets what was", () => {
    const cohort = cohortOf(50);
    cohort.after(20);
    cohort.keep([new Batch("a", "old", 100, 120, [])]);
    assert.equal(cohort.after(100), undefined);
    cohort.restart("m", 7);
    assert.deepEqual([cohort.epoch, cohort.front, cohort.head, cohort.bytes], ["m", 7, 7, 0]);
    assert.equal(cohort.after(20), undefined);
  });
});

test("[BND] many readers that lag at places of their own cost a bound, not a page each", async () => {
  const world = new World({ limits: { pageBytesMax: 1000, pageEventsMax: 10 } });
  const readers: Client[] = [];
  for (let count = 0; count < 50; count++) {
    const client = await world.reader();
    client.sink.room = 1;
    world.log().append(...numbers(5));
    await world.settle();
    readers.push(client);
  }
  const { tailBytes } = world.hubs.stats();
  for (const client of readers) client.drain(1);
  assert.ok(world.hubs.stats().tailBytes <= tailBytes + 4 * (1000 + 11 * 128));
  for (const client of readers) client.drain();
  for (const client of readers) assert.deepEqual(client.check("a").position, world.log().head);
  await world.pass(world.limits.heartbeatMs);
  assert.equal(world.hubs.stats().tailBytes, tailBytes);
});
