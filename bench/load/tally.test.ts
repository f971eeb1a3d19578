import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PayloadMaker } from "../payload.ts";
import { Histogram } from "./histogram.ts";
import { Tally } from "./tally.ts";

/** Feeds text cut into pieces of these sizes, by turns. */
function feed(tally: Tally, text: string, sizes: readonly number[], atUs = 0): void {
  const bytes = Buffer.from(text);
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const end = Math.min(bytes.length, at + sizes[turn % sizes.length]!);
    tally.scan(bytes, at, end, atUs);
    at = end;
  }
}

const pieces = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 });
const envelopes = fc.array(fc.stringMatching(/^[ -}]{0,60}$/), { minLength: 1, maxLength: 30 });
const payloadBytes = fc.integer({ min: 25, max: 300 });

test("every event is counted once, whatever surrounds it and however it is cut", () => {
  fc.assert(
    fc.property(envelopes, payloadBytes, pieces, (around, bytes, sizes) => {
      const maker = new PayloadMaker(bytes);
      const tally = new Tally(bytes, true);
      const text = around
        .map((before, index) => `${before}${JSON.stringify(maker.make(index + 1, 0))}`)
        .join("");
      feed(tally, `${text}}`, sizes);
      assert.deepEqual([tally.events, tally.disordered], [around.length, 0]);
    }),
  );
});

test("a missing, a repeated and a late event are out of order", () => {
  for (const sequence of [
    [1, 3],
    [1, 1],
    [2, 1],
  ]) {
    const maker = new PayloadMaker(64);
    const tally = new Tally(64, true);
    feed(tally, sequence.map((number) => JSON.stringify(maker.make(number, 0))).join(), [50]);
    assert.equal(tally.events, 2);
    assert.ok(tally.disordered > 0, `${sequence}`);
  }
});

test("readers of several channels count, and judge no order", () => {
  const maker = new PayloadMaker(64);
  const tally = new Tally(64, false);
  feed(tally, [1, 1, 2, 1].map((number) => maker.make(number, 0)).join(), [1000]);
  assert.deepEqual([tally.events, tally.disordered], [4, 0]);
});

test("a delay runs from the time in the payload, also when that was cut", () => {
  fc.assert(
    fc.property(pieces, (sizes) => {
      const maker = new PayloadMaker(100);
      const delays = new Histogram();
      const tally = new Tally(100, true, delays);
      const due = 98_765_432_109;
      feed(tally, [1, 2, 3].map((number) => maker.make(number, due)).join(","), sizes, due + 50);
      assert.deepEqual(delays.counts, [50, 3]);
    }),
  );
});

test("a payload takes the bytes it was asked for, and refuses fewer than its head needs", () => {
  fc.assert(
    fc.property(payloadBytes, (bytes) => {
      assert.equal(Buffer.byteLength(JSON.stringify(new PayloadMaker(bytes).make(12, 34))), bytes);
    }),
  );
  assert.throws(() => new PayloadMaker(24), RangeError);
});
