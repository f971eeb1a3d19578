import assert from "node:assert/strict";
import { test } from "node:test";
import { circuit } from "./moving.ts";

test("a circuit has every ordered pair once, each beginning where the one before ended", () => {
  for (const items of [["a", "b"], ["a", "b", "c"], [..."abcdefgh"]]) {
    const walk = [...circuit(items)];
    const pairs = walk.slice(1).map((to, index) => `${walk[index]}${to}`);
    assert.equal(pairs.length, items.length * (items.length - 1));
    assert.equal(new Set(pairs).size, pairs.length);
    assert.ok(pairs.every((pair) => pair[0] !== pair[1]));
  }
});
