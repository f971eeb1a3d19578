import assert from "node:assert/strict";
import { test } from "node:test";
import { Batch, EncodedEvent } from "./batch.ts";
import { RecentBatches } from "./recent-batches.ts";

function batch(from: number, bytes: number): Batch {
  const payload = { encoding: "text", text: "x".repeat(bytes) } as const;
  return new Batch("a", "k", from, from + 1, [new EncodedEvent("k", { offset: from + 1, at: 0, payload })]);
}

/** Room for four pages of one event with 1,000 bytes. */
const limits = { eventsMax: 1, bytesMax: 1000 };

test("[BND] batches are found by where they start, until newer ones take their room", () => {
  const recent = new RecentBatches(limits);
  const batches = [1, 2, 3, 4, 5].map((from) => batch(from, 1000));
  for (const one of batches.slice(0, 4)) recent.add(one);
  assert.deepEqual(
    [1, 2, 3, 4].map((from) => recent.get(from)),
    batches.slice(0, 4),
  );
  for (const one of batches.slice(4)) recent.add(one);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((from) => recent.get(from)),
    [undefined, ...batches.slice(1)],
  );
});

test("[BND] one that is larger than all the room is not kept, and makes the others go", () => {
  const recent = new RecentBatches(limits);
  recent.add(batch(1, 10));
  recent.add(batch(2, 50_000));
  assert.equal(recent.get(2), undefined);
  assert.equal(recent.bytes, 0);
});

test("[BND] many small ones are bounded as well, by what an event costs beside its payload", () => {
  const recent = new RecentBatches(limits);
  for (let from = 0; from < 1000; from++) recent.add(batch(from, 0));
  const kept = Array.from({ length: 1000 }, (_, from) => recent.get(from)).filter((one) => one !== undefined);
  assert.ok(kept.length >= 4 && kept.length < 50, `${kept.length}`);
  recent.clear();
  assert.deepEqual([recent.bytes, recent.get(999)], [0, undefined]);
});

test("[BND] a batch that replaces one from the same place takes its room", () => {
  const recent = new RecentBatches(limits);
  for (let count = 0; count < 10; count++) recent.add(batch(1, 1000));
  recent.add(batch(2, 1000));
  assert.ok(recent.get(1) !== undefined && recent.get(2) !== undefined);
});
