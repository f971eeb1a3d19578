import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Histogram } from "./histogram.ts";

const microseconds = fc.array(fc.integer({ min: 0, max: 2 ** 36 }), { minLength: 1, maxLength: 300 });
const share = fc.double({ min: 0, max: 1, noNaN: true });

test("a quantile is at most 1/64 above that of the sorted values", () => {
  fc.assert(
    fc.property(microseconds, share, (values, at) => {
      const histogram = new Histogram();
      for (const value of values) histogram.record(value);
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(1, Math.ceil(at * values.length)) - 1]!;
      const told = histogram.quantile(at);
      assert.ok(told >= exact && told <= exact * (1 + 1 / 64), `${told} for ${exact}`);
    }),
  );
});

test("histograms sent and added are the histogram of all values", () => {
  fc.assert(
    fc.property(microseconds, microseconds, (some, others) => {
      const [all, one, other] = [new Histogram(), new Histogram(), new Histogram()];
      for (const value of some) one.record(value);
      for (const value of others) other.record(value);
      for (const value of [...some, ...others]) all.record(value);
      one.add(JSON.parse(JSON.stringify(other.counts)) as number[]);
      assert.deepEqual(one.counts, all.counts);
      assert.equal(one.total, some.length + others.length);
    }),
  );
});

test("nothing recorded has no quantile, and clearing forgets", () => {
  const histogram = new Histogram();
  assert.ok(Number.isNaN(histogram.quantile(0.5)));
  histogram.record(7);
  histogram.clear();
  assert.deepEqual(histogram.counts, []);
});
