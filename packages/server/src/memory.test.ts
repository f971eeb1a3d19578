import assert from "node:assert/strict";
import { test } from "node:test";
import type { Timed } from "./deadlines.ts";
import { keepInMemory } from "./memory.ts";
import type { Node } from "./node.ts";
import { readOptions } from "./options.ts";
import { post, startNode } from "./rig.test.ts";

test("[BND-2] what the log in this process cannot hold is refused, and what it does hold is told", async (t) => {
  const { holdfast, url } = await startNode(t, { memory: { channelsMax: 2 } });
  await holdfast.publish("a", 1);
  await holdfast.publish("b", 2);
  const { status, json } = await post(`${url}/channels/c`, "3");
  assert.deepEqual([status, json.code], [503, "overloaded"]);
  const { memory } = holdfast.stats();
  assert.deepEqual([memory?.channels, memory?.events], [2, 2]);
});

test("[BND] logs that nobody writes to any more give up what retention no longer keeps", async () => {
  let now = 1_000_000;
  let sweep: Timed | undefined;
  const node = {
    clock: { now: () => now },
    settings: readOptions({ namespaces: { "": { retention: { ageMsMax: 1000 } } } }),
    deadlines: { add: (timed: Timed) => (sweep = timed) },
    log: () => {},
  };
  const broker = keepInMemory(node as unknown as Node);
  await broker.append("a", [{ payload: { encoding: "text", text: "soon forgotten" } }]);
  const { deadline = 0 } = sweep ?? {};
  assert.ok(deadline > now);
  now = deadline;
  sweep?.tick(now);
  assert.equal(broker.stats().events, 0);
  assert.ok((sweep?.deadline ?? 0) > now);
});
