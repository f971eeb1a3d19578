import assert from "node:assert/strict";
import { test } from "node:test";
import { Throttle } from "./throttle.ts";

test("[BND] a slow line lets a slice through at a time, and takes no more before it is gone", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let isSlow = true;
  let passed = 0;
  const throttle = new Throttle(() => isSlow);
  throttle.on("data", (bytes: Buffer) => {
    passed += bytes.length;
  });
  assert.equal(throttle.write(Buffer.alloc(5000)), false, "it is full");
  assert.equal(passed, 600);
  t.mock.timers.tick(100);
  assert.equal(passed, 1200);
  t.mock.timers.tick(100);
  assert.equal(passed, 1800);
  isSlow = false;
  t.mock.timers.tick(100);
  assert.equal(passed, 5000);
  throttle.write(Buffer.alloc(3000));
  assert.equal(passed, 8000);
});

test("[BND] a line that is destroyed while it is slow keeps no timer", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const throttle = new Throttle(() => true);
  throttle.resume();
  throttle.write(Buffer.alloc(5000));
  throttle.destroy();
  t.mock.timers.tick(1000);
  assert.equal(throttle.errored, null);
});
