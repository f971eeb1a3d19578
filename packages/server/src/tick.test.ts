import assert from "node:assert/strict";
import { test } from "node:test";
import { Tick } from "./tick.ts";

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("[DUP-1] what happens in one tick is delivered together, and each sink flushed once after it", async () => {
  const tick = new Tick();
  const story: string[] = [];
  const sink = { flush: () => story.push("sink") };
  tick.deliverFrom({
    flush: () => {
      story.push("delivery");
      tick.enlist(sink);
    },
  });
  tick.schedule();
  tick.schedule();
  await Promise.resolve().then(() => tick.schedule());
  assert.deepEqual(story, []);
  await immediate();
  assert.deepEqual(story, ["delivery", "sink"]);
  await immediate();
  assert.deepEqual(story, ["delivery", "sink"]);
});

test("what a flush causes belongs to the next tick, and is not forgotten", async () => {
  const tick = new Tick();
  let deliveries = 0;
  tick.deliverFrom({ flush: () => deliveries++ });
  let flushes = 0;
  const again = {
    flush: () => {
      flushes++;
      if (flushes === 1) {
        tick.enlist(again);
        tick.schedule();
      }
    },
  };
  tick.enlist(again);
  await immediate();
  assert.deepEqual([flushes, deliveries], [1, 0]);
  await immediate();
  await immediate();
  assert.deepEqual([flushes, deliveries], [2, 1]);
});

test("what a delivery itself causes is delivered in the next tick", async () => {
  const tick = new Tick();
  let deliveries = 0;
  tick.deliverFrom({
    flush: () => {
      deliveries++;
      if (deliveries === 1) tick.schedule();
    },
  });
  tick.schedule();
  await immediate();
  assert.equal(deliveries, 1);
  await immediate();
  assert.equal(deliveries, 2);
});

test("a delivery that fails takes nothing down with it", async (t) => {
  const tick = new Tick();
  let flushes = 0;
  tick.deliverFrom({
    flush: () => {
      throw new Error("a fault of the hub");
    },
  });
  const faults: unknown[] = [];
  t.mock.method(globalThis, "setImmediate", (run: () => void) =>
    queueMicrotask(() => {
      try {
        run();
      } catch (fault) {
        faults.push(fault);
      }
    }),
  );
  tick.schedule();
  tick.enlist({ flush: () => flushes++ });
  await Promise.resolve();
  tick.enlist({ flush: () => flushes++ });
  await Promise.resolve();
  assert.deepEqual([flushes, faults.length], [2, 1]);
});

test("a sink is flushed without anything to deliver", async () => {
  const tick = new Tick();
  let flushes = 0;
  tick.enlist({ flush: () => flushes++ });
  await immediate();
  assert.equal(flushes, 1);
});

test("[CALM] a large fan-out is flushed in slices, between which a small one and a new delivery have their turn", async () => {
  let now = 0;
  const tick = new Tick(() => now);
  const story: string[] = [];
  const slow = {
    flush: () => {
      now += 0.25;
    },
  };
  const busy: boolean[] = [];
  tick.deliverFrom({ flush: (isBusy) => busy.push(isBusy) });
  for (let n = 0; n < 300; n++) tick.enlist(slow);
  tick.enlist({ flush: () => story.push("last of many") });
  await immediate();
  assert.equal(story.join(), "");
  tick.schedule();
  tick.enlist({ flush: () => story.push("small") });
  await immediate();
  assert.equal(story.join(), "small");
  assert.deepEqual(busy, [true]);
  while (story.length === 1) await immediate();
  assert.equal(now, 75);
  tick.schedule();
  await immediate();
  assert.equal(story.join(), "small,last of many");
  assert.deepEqual(busy, [true, false]);
});

for (const [where, count] of [
  ["few", 10],
  ["so many that they are flushed in slices", 1000],
] as const) {
  test(`a sink that fails among ${where} keeps nobody behind it waiting for ever`, async (t) => {
    const tick = new Tick(() => 0);
    const faults: unknown[] = [];
    const { setImmediate: later } = globalThis;
    t.mock.method(globalThis, "setImmediate", (run: () => void) =>
      later(() => {
        try {
          run();
        } catch (fault) {
          faults.push(fault);
        }
      }),
    );
    let flushes = 0;
    for (let n = 0; n < count; n++) {
      tick.enlist({
        flush: () => {
          if (n === 3 || n === count - 1) throw new Error("a fault of one");
          flushes++;
        },
      });
    }
    for (let turn = 0; turn < 10 && flushes < count - 2; turn++)
      await new Promise<void>((done) => later(() => done()));
    assert.deepEqual([flushes, faults.length], [count - 2, 2]);
  });
}

test("[CALM] a crowd has its turn when what was there before it is done, however much else keeps coming", async () => {
  let now = 0;
  const tick = new Tick(() => now);
  const slow = {
    flush: () => {
      now += 0.25;
    },
  };
  let served = 0;
  tick.deliverFrom({
    flush: (isBusy) => {
      if (!isBusy) served++;
      // As many small channels do, in every turn, faster than they can be written to.
      if (turns === 200) return;
      for (let n = 0; n < 300; n++) tick.enlist(slow);
      tick.schedule();
    },
  });
  let turns = 0;
  tick.schedule();
  for (; turns < 200; turns++) await immediate();
  assert.ok(served >= 3, `${served} times in ${turns} turns`);
});
