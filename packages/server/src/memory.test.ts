import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { createHoldfast } from "./index.ts";
import { post, startNode, until } from "./rig.test.ts";

test("[BND-2] what the log in this process cannot hold is refused, and what it does hold is told", async (t) => {
  const { holdfast, url } = await startNode(t, { memory: { channelsMax: 2 } });
  await holdfast.publish("a", 1);
  await holdfast.publish("b", 2);
  const { status, json } = await post(`${url}/channels/c`, "3");
  assert.deepEqual([status, json.code], [503, "overloaded"]);
  const { memory } = holdfast.stats();
  assert.deepEqual([memory?.channels, memory?.events], [2, 2]);
});

test("[BND] logs that nobody writes to any more give up what retention no longer keeps", async (t) => {
  mock.timers.enable({ apis: ["Date", "setInterval", "setImmediate"], now: 1_000_000 });
  t.after(() => mock.timers.reset());
  const holdfast = createHoldfast({
    logger: () => {},
    namespaces: { "": { retention: { ageMsMax: 1000 } } },
  });
  await holdfast.publish("a", "soon forgotten");
  assert.equal(holdfast.stats().memory?.events, 1);
  for (let second = 0; second < 40; second++) {
    mock.timers.tick(1000);
    mock.timers.tick(0);
  }
  mock.timers.reset();
  await until(() => holdfast.stats().memory?.events === 0);
  await holdfast.close({ deadlineMs: 0 });
});
