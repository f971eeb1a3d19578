import assert from "node:assert/strict";
import { test } from "node:test";
import { drawWorld } from "./options.ts";
import { drawPlan } from "./plan.ts";
import { shrink, simulate } from "./simulate.ts";
import { type Sabotage, World } from "./world.ts";

test("a seed lives the same life again, to the last message", async () => {
  for (const seed of [1, 7, 42, 1624]) {
    const first = await simulate(seed, { trace: () => {} });
    const second = await simulate(seed, { trace: () => {} });
    assert.equal(second.hash, first.hash, `seed ${seed}`);
    assert.equal(second.happenings, first.happenings);
    assert.ok(first.happenings > 100);
  }
});

test("two seeds live different lives", async () => {
  const lives = await Promise.all([1, 2, 3].map((seed) => simulate(seed, { trace: () => {} })));
  assert.equal(new Set(lives.map(({ hash }) => hash)).size, 3);
});

test("a plan is data: written down and read again it is the same life", async () => {
  const options = drawWorld(5);
  const plan = drawPlan(options);
  const read = JSON.parse(JSON.stringify(plan));
  const written = await new World(options, { trace: () => {} }).run(plan);
  assert.equal((await new World(options, { trace: () => {} }).run(read)).hash, written.hash);
});

test("a plan that breaks a promise is shortened to the steps that it takes", async () => {
  const sabotage: Sabotage = { effect: (effect) => (effect.type === "events" ? [effect, effect] : [effect]) };
  const plan = await shrink(3, { sabotage });
  assert.ok(plan.length <= 3, `${plan.length} steps are left: ${JSON.stringify(plan)}`);
  const { violations } = await new World(drawWorld(3), { sabotage }).run(plan);
  assert.equal(violations[0]?.promise, "DUP");
});
