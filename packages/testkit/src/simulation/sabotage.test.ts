import assert from "node:assert/strict";
import { test } from "node:test";
import { sabotages } from "./sabotage.ts";
import { simulate } from "./simulate.ts";

const seeds = 40;

for (const { title, promises, make, options } of sabotages) {
  test(`${title} is caught`, async () => {
    for (let seed = 0; seed < seeds; seed++) {
      const { violations } = await simulate(seed, { sabotage: make(), ...(options && { options }) });
      const [first] = violations;
      if (first === undefined) continue;
      assert.ok(promises.includes(first.promise), `seen as ${first.promise}: ${first.what}`);
      return;
    }
    assert.fail(`${seeds} worlds, and nobody noticed`);
  });
}

test("[ORD] [GAP] [DUP] [ACK] [BND] the worlds in which sabotage is caught are well without it", async () => {
  for (let seed = 0; seed < seeds; seed++) {
    assert.deepEqual((await simulate(seed)).violations, [], `seed ${seed}`);
  }
  for (const { title, options } of sabotages) {
    if (options === undefined) continue;
    for (let seed = 0; seed < 10; seed++) {
      assert.deepEqual((await simulate(seed, { options })).violations, [], `${title}, seed ${seed}`);
    }
  }
});
