import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HoldfastError } from "@holdfast/protocol";
import { ControlLog, type ControlLogOptions } from "./control-log.ts";
import { numbered, numbers, World } from "./world.test-support.ts";

/** A control log whose timers run when the test says so. */
function rig(world: World, options: Partial<ControlLogOptions> = {}) {
  const taken: string[] = [];
  const missed: string[] = [];
  const troubles: unknown[] = [];
  const timers = new Set<() => void>();
  const log = new ControlLog({
    hubs: world.hubs,
    channel: "a",
    start: "oldest",
    deadlineMs: 5000,
    take: ({ payload }) => taken.push(payload.encoding === "json" ? payload.text : ""),
    missed: (reason) => missed.push(reason),
    troubled: (thrown) => troubles.push(thrown),
    after: (_ms, run) => {
      timers.add(run);
      return () => timers.delete(run);
    },
    ...options,
  });
  const fire = () => {
    for (const run of timers) {
      timers.delete(run);
      run();
    }
  };
  return { log, taken, missed, troubles, timers, fire };
}

describe("a control log", () => {
  test("[REV-1] is read from its beginning before it counts as read, and followed from then on", async () => {
    const world = new World();
    world.log().append(...numbers(3));
    const read = world.broker.hold("read");
    const { log, taken } = rig(world);
    let isRead = false;
    void log.read.then(() => {
      isRead = true;
    });
    void log.begin();
    await world.settle();
    assert.deepEqual([taken, log.isRead], [[], false]);
    read.release();
    await world.settle();
    assert.deepEqual([taken, log.isRead, isRead], [["1", "2", "3"], true, true]);
    world.log().append(numbered(4));
    await world.settle();
    assert.deepEqual(taken, ["1", "2", "3", "4"]);
  });

  test("[REV-1] from its end, it tells nothing of what was said before", async () => {
    const world = new World();
    world.log().append(...numbers(3));
    const { log, taken } = rig(world, { start: "latest" });
    await log.begin();
    world.log().append(numbered(4));
    await world.settle();
    assert.deepEqual([taken, log.isRead], [["4"], true]);
  });

  test("[REV-1] what a node says counts once it has come back, and not before", async () => {
    const world = new World();
    const { log, taken, timers } = rig(world);
    await log.begin();
    // The node hears of it only later.
    const heard: (() => void)[] = [];
    world.log().route = (tell) => heard.push(tell);
    const posted = log.post([numbered(1)]);
    let isDone = false;
    void posted.then(() => {
      isDone = true;
    });
    await world.settle();
    assert.deepEqual([isDone, taken, timers.size], [false, [], 1]);
    heard[0]?.();
    await world.settle();
    assert.deepEqual([isDone, taken, timers.size], [true, ["1"], 0]);
    assert.deepEqual((await posted)[0]?.cursor, { epoch: "k", offset: 1 });
  });

  test("[REV-1] what does not come back in time is refused with an outcome that may be retried", async () => {
    const world = new World();
    const { log, fire, timers } = rig(world);
    await log.begin();
    world.log().route = () => {};
    const posted = log.post([numbered(1)]);
    await world.wait();
    fire();
    await assert.rejects(posted, { code: "broker_unavailable", retry: "retry" });
    assert.equal(timers.size, 0);
  });

  test("[REV-1] a log that cannot be reached is tried again, and refuses posts meanwhile", async () => {
    const world = new World();
    world.broker.refuse("follow");
    world.broker.refuse("append");
    const { log, troubles, fire } = rig(world);
    await log.begin();
    fire();
    await world.settle();
    assert.deepEqual([troubles.length, log.isRead], [1, false]);
    await assert.rejects(log.post([numbered(1)]), { code: "broker_unavailable" });
    world.broker.heal("follow");
    fire();
    await world.settle();
    assert.equal(log.isRead, true);
  });

  test("[REV-1] a log that was lost or has a hole says so, and is followed on", async () => {
    const world = new World();
    const { log, taken, missed } = rig(world);
    world.log().append(...numbers(2));
    await log.begin();
    await world.settle();
    world.log().recreate("m");
    world.log().append(numbered(9));
    world.log().disturb();
    await world.settle();
    assert.deepEqual([taken, missed], [["1", "2", "9"], ["epoch"]]);
    const posted = log.post([numbered(10)]);
    await world.settle();
    await posted;
    assert.equal(taken.at(-1), "10");
  });

  test("[REV-1] what cannot be taken is reported, and keeps nobody from what follows", async () => {
    const world = new World();
    const fault = new Error("no JSON");
    let taken = 0;
    const { log, troubles } = rig(world, {
      take: () => {
        taken++;
        throw fault;
      },
    });
    await log.begin();
    const posted = [log.post([numbered(1)]), log.post([numbered(2)])];
    await world.settle();
    await Promise.all(posted);
    assert.deepEqual([taken, troubles], [2, [fault, fault]]);
    world.log().close();
    await world.settle();
    assert.equal((troubles[2] as HoldfastError).code, "channel_closed");
  });

  test("[BND] stopped, it leaves nothing behind, also while it begins", async () => {
    const world = new World();
    const follow = world.broker.hold("follow");
    const { log, timers } = rig(world);
    void log.begin();
    await world.wait();
    log.stop();
    follow.release();
    await world.settle();
    const other = rig(world);
    await other.log.begin();
    other.log.stop();
    other.log.stop();
    world.log().append(numbered(1));
    await world.settle();
    assert.deepEqual([world.hubs.stats().readers, timers.size, other.taken], [0, 0, []]);
  });
});
