import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Backoff } from "./backoff.ts";

const bounds = { backoffBaseMs: 1000, backoffCapMs: 30_000, stableMs: 10_000, serverDelayCapMs: 60_000 };

test("[CLI-8] the bound doubles with every failure, up to the cap", () => {
  const backoff = new Backoff(bounds, () => 0.999_999);
  const delays = Array.from({ length: 8 }, () => Math.ceil(backoff.next() / 1000));
  assert.deepEqual(delays, [1, 2, 4, 8, 16, 30, 30, 30]);
});

test("[CLI-8] the jitter is full: any delay from 0 to the bound", () => {
  fc.assert(
    fc.property(
      fc.nat(2000),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      (failures, chance) => {
        let now = 0.5;
        const backoff = new Backoff(bounds, () => now);
        for (let i = 0; i < failures; i++) backoff.next();
        now = chance;
        const boundMs = Math.min(30_000, 1000 * 2 ** Math.min(failures, 20));
        assert.equal(backoff.next(), chance * boundMs);
      },
    ),
  );
});

test("[CLI-8] only a stable period makes it start over", () => {
  const backoff = new Backoff(bounds, () => 0.5);
  for (let i = 0; i < 3; i++) backoff.next();
  backoff.held(9_999);
  assert.equal(backoff.next(), 4_000);
  backoff.held(10_000);
  assert.equal(backoff.failures, 0);
  assert.equal(backoff.next(), 500);
});

test("[CLI-8] a delay beyond reason strands nobody, and those who were told it do not come back together", () => {
  for (const absurd of [60_001, 99_999_999_000, Infinity]) {
    const delays = [0, 0.5, 0.99].map((chance) => new Backoff(bounds, () => chance).next(absurd));
    assert.deepEqual(delays, [30_000, 45_000, 59_700]);
  }
  assert.equal(new Backoff(bounds, () => 0).given(60_000), 60_000);
});

test("[CLI-8] a delay that the server gave wins, and counts as a failure all the same", () => {
  const backoff = new Backoff(bounds, () => 0.5);
  assert.equal(backoff.next(7_123), 7_123);
  assert.equal(backoff.next(0), 0);
  assert.equal(backoff.next(), 2_000);
});
