import assert from "node:assert/strict";
import { test } from "node:test";
import { createHoldfast } from "./index.ts";
import { StreamClient, startNode } from "./rig.test.ts";

test("[END-1] [PUB-2] the application closes a channel: readers get the end after the last event, publishers a refusal", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("job:1", "last");
  const stream = await StreamClient.open(t, `${url}/channels/job:1?after=oldest`);
  assert.deepEqual(await holdfast.closeChannel("job:1"), { cursor });
  assert.deepEqual(await holdfast.closeChannel("job:1"), { cursor });
  await stream.ends();
  assert.match(stream.text, /data: "last"\n\nevent: end\n/);
  await assert.rejects(holdfast.publish("job:1", "too late"), { code: "channel_closed" });
  await assert.rejects(holdfast.closeChannel("no channel"), { code: "bad_channel" });
});

test("[CALM] a node that is closed before it listens does not begin to", async () => {
  const holdfast = createHoldfast({ logger: () => {} });
  const listening = holdfast.listen({ port: 0 });
  const refused = assert.rejects(listening, { code: "draining" });
  await holdfast.close();
  await refused;
  assert.equal(holdfast.stats().connections, 0);
});
