import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LoopDelay } from "./loop-delay.ts";

test("[SEE-1] a loop that was blocked says so, and whoever looks soon is told the same", async (t) => {
  let now = performance.now();
  const loop = new LoopDelay(() => now);
  t.after(() => loop.stop());
  // Its timer has to have fired once before anything can be late for it.
  for (let turns = 0; turns < 4; turns++) await sleep(20);
  const until = performance.now() + 200;
  while (performance.now() < until);
  // The timer that measures fires in the turn in which this one does.
  await sleep(100);
  const { state } = loop;
  assert.ok(state.max > 0.1, `${state.max}`);
  assert.ok(state.max <= 60 && state.p50 <= state.p90 && state.p90 <= state.p99 && state.p99 <= state.max);
  assert.ok(state.utilization >= 0 && state.utilization <= 1);
  assert.equal(loop.state, state);
  now += 4999;
  assert.equal(loop.state, state);
  now += 1;
  assert.notEqual(loop.state, state);
});
