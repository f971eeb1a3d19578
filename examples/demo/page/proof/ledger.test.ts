import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Ledger } from "./ledger.ts";

const clean = { lost: 0, told: 0, gaps: 0, repeated: 0, misplaced: 0 };

function judge(...numbers: number[]): Ledger {
  const ledger = new Ledger();
  for (const number of numbers) ledger.take(number);
  return ledger;
}

test("[ORD] a lane that begins anywhere and misses nothing is clean", () => {
  assert.deepEqual(judge(7, 8, 9).judgement, { seen: 3, ...clean });
});

test("[GAP] what is missing without a word is lost", () => {
  assert.deepEqual(judge(1, 2, 6).judgement, { seen: 3, ...clean, lost: 3 });
});

test("[GAP] what a gap told is not lost, and the next hole is", () => {
  const ledger = judge(1, 2);
  ledger.gap(false);
  ledger.take(6);
  ledger.take(8);
  assert.deepEqual(ledger.judgement, { seen: 4, ...clean, told: 3, gaps: 1, lost: 1 });
});

test("[DUP] what comes twice is repeated, also much later", () => {
  assert.deepEqual(judge(1, 2, 2, 3, 1).judgement, { seen: 3, ...clean, repeated: 2 });
});

test("[ORD] what comes late is out of order, and then not lost", () => {
  assert.deepEqual(judge(1, 3, 2).judgement, { seen: 3, ...clean, misplaced: 1 });
});

test("[GAP] a gap into another log starts the numbers anew", () => {
  const ledger = judge(100, 101);
  ledger.gap(true);
  ledger.take(1);
  ledger.take(2);
  assert.deepEqual(ledger.judgement, { seen: 4, ...clean, gaps: 1 });
});

test("[DUP] counting anew forgets the counts, not the place", () => {
  const ledger = judge(1, 2);
  ledger.reset();
  ledger.take(2);
  ledger.take(3);
  assert.deepEqual(ledger.judgement, { seen: 1, ...clean, repeated: 1 });
});

test("[GAP] seen and lost make up the numbers from the first to the last, in whatever order they come", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 2, max: 300 }), { minLength: 1 }), (numbers) => {
      const ledger = judge(1, ...numbers);
      const { seen, lost, repeated } = ledger.judgement;
      assert.equal(seen + lost, ledger.last);
      assert.equal(seen, numbers.length + 1);
      assert.equal(repeated, 0);
    }),
  );
});
