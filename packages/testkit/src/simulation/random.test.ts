import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Random } from "./random.ts";

test("the same seed draws the same numbers, another seed others", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 50 }, () => random.next());
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

test("what is drawn lies within its bounds, and reaches all of them", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new Random(seed);
      const drawn = new Set(Array.from({ length: 200 }, () => random.between(3, 6)));
      assert.deepEqual([...drawn].sort(), [3, 4, 5, 6]);
      for (let count = 0; count < 100; count++) {
        const next = random.next();
        assert.ok(next >= 0 && next < 1);
      }
    }),
  );
});

test("seeds that follow each other draw numbers that have nothing in common", () => {
  const firsts = Array.from({ length: 1000 }, (_, seed) => new Random(seed).next());
  const mean = firsts.reduce((sum, one) => sum + one, 0) / firsts.length;
  assert.ok(Math.abs(mean - 0.5) < 0.05, `the mean is ${mean}`);
  assert.ok(firsts.every((one, seed) => seed === 0 || Math.abs(one - (firsts[seed - 1] ?? 0)) > 1e-6));
});

test("a weight of nothing is never drawn, and the others in proportion", () => {
  const random = new Random(1);
  const counts = { a: 0, b: 0, c: 0 };
  for (let count = 0; count < 4000; count++) {
    const drawn = random.weighted({ a: 3, b: 0, c: 1 });
    assert.ok(drawn);
    counts[drawn]++;
  }
  assert.equal(counts.b, 0);
  assert.ok(counts.a > 2800 && counts.a < 3200, `${counts.a} of 4000`);
  assert.equal(random.weighted({ a: 0 }), undefined);
});

test("nothing can be picked from an empty list", () => {
  assert.throws(() => new Random(1).pick([]), RangeError);
});
