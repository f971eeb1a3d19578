import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Rate, Rates } from "./rates.ts";

const start = 1_790_000_000_000;

/** What is asked for, and when: after how many ms, by whom, and how much. */
const requests = (costMax: number) =>
  fc.array(
    fc.record({
      afterMs: fc.oneof(fc.nat(5), fc.nat(3000)),
      key: fc.constantFrom("a", "b"),
      cost: fc.integer({ min: 1, max: costMax }),
    }),
    { maxLength: 200 },
  );

const rates: fc.Arbitrary<Rate> = fc.record({
  perSecond: fc.integer({ min: 1, max: 500 }),
  burstMs: fc.integer({ min: 1, max: 10_000 }),
});

/** A bucket as one would draw it: tokens that come back with time, and never more than it holds. */
class NaiveBucket {
  readonly #rate: Rate;
  #tokens: number;
  #at = start;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = this.#holds;
  }

  get #holds(): number {
    return (this.#rate.perSecond * this.#rate.burstMs) / 1000;
  }

  take(cost: number, now: number): boolean {
    this.#tokens = Math.min(this.#holds, this.#tokens + ((now - this.#at) * this.#rate.perSecond) / 1000);
    this.#at = now;
    // A hair's breadth for sums of fractions.
    if (this.#tokens + 1e-6 < Math.min(cost, this.#holds)) return false;
    this.#tokens -= cost;
    return true;
  }
}

test("[LIM-1] buckets that are one number each let through what buckets of tokens would", () => {
  fc.assert(
    fc.property(rates, requests(100), (rate, all) => {
      const buckets = new Rates(10);
      const naive = new Map([...["a", "b"]].map((key) => [key, new NaiveBucket(rate)]));
      let now = start;
      for (const { afterMs, key, cost } of all) {
        now += afterMs;
        const waitMs = buckets.wait(key, cost, rate, now);
        // Right at the edge, sums of fractions may fall on either side.
        if (waitMs > 0 && waitMs < 1e-3) return;
        assert.equal(waitMs === 0, naive.get(key)?.take(cost, now), `${key} takes ${cost}`);
        if (waitMs === 0) buckets.take(key, cost, rate, now);
      }
    }),
  );
});

test("[LIM-1] who waits as told is let through, and a moment earlier not", () => {
  fc.assert(
    fc.property(rates, requests(1000), (rate, all) => {
      const buckets = new Rates(10);
      let now = start;
      for (const { afterMs, key, cost } of all) {
        now += afterMs;
        const waitMs = buckets.wait(key, cost, rate, now);
        if (waitMs > 1) assert.ok(buckets.wait(key, cost, rate, now + waitMs - 1) > 0);
        now += Math.ceil(waitMs);
        assert.equal(buckets.wait(key, cost, rate, now), 0);
        buckets.take(key, cost, rate, now);
      }
    }),
  );
});

test("[LIM-1] over any time no more is let through than the rate gives, the bucket holds, and one request is on credit", () => {
  fc.assert(
    fc.property(rates, requests(1000), (rate, all) => {
      const buckets = new Rates(10);
      let now = start;
      let sum = 0;
      for (const { afterMs, cost } of all) {
        now += afterMs;
        if (buckets.wait("a", cost, rate, now) > 0) continue;
        buckets.take("a", cost, rate, now);
        sum += cost;
      }
      const due = ((now - start + rate.burstMs) * rate.perSecond) / 1000;
      assert.ok(sum <= due + 1000, `${sum} of ${due}`);
    }),
  );
});

test("[LIM-1] nobody takes from another's bucket", () => {
  const rate = { perSecond: 1, burstMs: 1000 };
  const buckets = new Rates(10);
  buckets.take("a", 50, rate, start);
  assert.equal(buckets.wait("a", 1, rate, start), 50_000);
  assert.equal(buckets.wait("b", 1, rate, start), 0);
});

test("[BND] buckets are bounded in number: full ones go first, and who is short of tokens stays as long as there is room", () => {
  const rate = { perSecond: 1, burstMs: 1000 };
  const buckets = new Rates(100);
  buckets.take("short", 1000, rate, start);
  for (let n = 0; n < 10_000; n++) {
    buckets.take(`stranger ${n}`, 1, rate, start + n * 50);
    assert.ok(buckets.size <= 100);
  }
  assert.ok(buckets.wait("short", 1, rate, start + 500_000) > 0);
  for (let n = 0; n < 200; n++) buckets.take(`crowd ${n}`, 1000, rate, start + 500_000);
  assert.ok(buckets.size <= 100);
  assert.equal(buckets.wait("short", 1, rate, start + 500_000), 0, "the oldest were forgotten");
});

test("a clock that is set back holds nobody up", () => {
  const rate = { perSecond: 1, burstMs: 1000 };
  const buckets = new Rates(100);
  buckets.take("a", 1, rate, start + 3_600_000);
  buckets.clear();
  assert.equal(buckets.wait("a", 1, rate, start), 0);
});
