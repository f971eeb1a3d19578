import assert from "node:assert/strict";
import { test } from "node:test";
import { Batch, EncodedEvent } from "./batch.ts";
import { RecentBatches } from "./recent-batches.ts";

function batch(from: number, bytes: number): Batch {
  const payload = { encoding: "text", text: "x".repeat(bytes) } as const;
  return new Batch("a", "k", from, from + 1, [new EncodedEvent("k", { offset: from + 1, at: 0, payload })]);
}

test("[BND] batches are found by where they start, until newer ones take their room", () => {
  const recent = new RecentBatches(3000);
  const [first, second, third] = [batch(1, 1000), batch(2, 1000), batch(3, 1000)];
  recent.add(first);
  recent.add(second);
  assert.equal(recent.get(1), first);
  recent.add(third);
  assert.equal(recent.get(1), undefined);
  assert.equal(recent.get(2), second);
  assert.equal(recent.get(3), third);
  assert.ok(recent.bytes <= 3000);
});

test("[BND] one that is larger than all the room is not kept, and makes the others go", () => {
  const recent = new RecentBatches(1000);
  recent.add(batch(1, 10));
  recent.add(batch(2, 5000));
  assert.equal(recent.get(2), undefined);
  assert.equal(recent.bytes, 0);
});

test("[BND] many small ones are bounded as well, by what an event costs beside its payload", () => {
  const recent = new RecentBatches(10_000);
  for (let from = 0; from < 1000; from++) recent.add(batch(from, 0));
  const kept = Array.from({ length: 1000 }, (_, from) => recent.get(from)).filter((one) => one !== undefined);
  assert.ok(kept.length < 50, `${kept.length}`);
  recent.clear();
  assert.deepEqual([recent.bytes, recent.get(999)], [0, undefined]);
});

test("[BND] a batch that replaces one from the same place takes its room", () => {
  const recent = new RecentBatches(3000);
  for (let count = 0; count < 10; count++) recent.add(batch(1, 1000));
  recent.add(batch(2, 1000));
  assert.ok(recent.get(1) !== undefined && recent.get(2) !== undefined);
});
