import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "./clock.ts";

function rig() {
  const time = { steady: 1_000, wall: 1_700_000_000_000 };
  const clock = new Clock({ steady: () => time.steady, wall: () => time.wall });
  const pass = (ms: number) => {
    time.steady += ms;
    time.wall += ms;
  };
  return { time, clock, pass };
}

test("time passes as the steady clock says", () => {
  const { clock, pass } = rig();
  const start = clock.now();
  pass(5_000);
  assert.equal(clock.now(), start + 5_000);
});

test("a sleep counts, also where it stops the steady clock", () => {
  const { clock, time, pass } = rig();
  const start = clock.now();
  time.wall += 3_600_000;
  pass(100);
  assert.equal(clock.now(), start + 3_600_100);
  pass(100);
  assert.equal(clock.now(), start + 3_600_200, "and counts once");
});

test("a clock that is set back, or a little, changes nothing", () => {
  const { clock, time, pass } = rig();
  const start = clock.now();
  time.wall -= 86_400_000;
  pass(100);
  assert.equal(clock.now(), start + 100);
  time.wall += 500;
  pass(100);
  assert.equal(clock.now(), start + 200);
  time.wall += 60_000;
  assert.equal(clock.now(), start + 60_700, "after which it is believed again");
});
