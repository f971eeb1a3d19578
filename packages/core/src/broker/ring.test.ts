import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Ring } from "./ring.ts";

const item = (n: number) => ({ n });

test("a ring is a queue whose items can be had by index", () => {
  const step = fc.record({ pushes: fc.nat(20), shifts: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      const ring = new Ring<{ n: number }>();
      const model: { n: number }[] = [];
      let pushed = 0;
      for (const { pushes, shifts } of steps) {
        for (let n = 0; n < pushes; n++) {
          const next = item(pushed++);
          ring.push(next);
          model.push(next);
        }
        for (let n = 0; n < shifts; n++) assert.equal(ring.shift(), model.shift());
        assert.equal(ring.length, model.length);
        assert.deepEqual(
          Array.from({ length: ring.length }, (_, index) => ring.at(index)),
          model,
        );
        assert.equal(ring.at(-1), undefined);
        assert.equal(ring.at(model.length), undefined);
      }
    }),
  );
});

test("[BND] a ring gives back what it has grown to", () => {
  const ring = new Ring<{ n: number }>();
  for (let n = 0; n < 100_000; n++) ring.push(item(n));
  assert.ok(ring.capacity < 200_000 * 2);
  while (ring.length > 100) ring.shift();
  assert.ok(ring.capacity <= 512, `${ring.capacity} slots for 100 items`);
  while (ring.shift() !== undefined);
  assert.ok(ring.capacity <= 8);
});

test("a ring that stays at one length is not copied again and again", () => {
  for (const length of [7, 8, 9, 16, 17, 64]) {
    const ring = new Ring<{ n: number }>();
    for (let n = 0; n < length; n++) ring.push(item(n));
    const capacities = new Set<number>();
    for (let n = 0; n < 1000; n++) {
      ring.push(item(n));
      capacities.add(ring.capacity);
      ring.shift();
      capacities.add(ring.capacity);
    }
    assert.ok(capacities.size <= 2, `${length} items: ${[...capacities].join(", ")}`);
  }
});

test("[BND] a ring lets go of an item that has left", () => {
  const ring = new Ring<object>();
  for (let n = 0; n < 6; n++) ring.push(item(n));
  ring.shift();
  ring.shift();
  assert.equal(ring.length, 4);
  assert.equal(ring.at(4), undefined, "the slots of what has left are not read as items");
  ring.push(item(6));
  assert.deepEqual(ring.at(4), item(6));
});
