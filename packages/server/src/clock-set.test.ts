import assert from "node:assert/strict";
import { test } from "node:test";
import { faultyBroker, StreamClient, startNode, until } from "./rig.test.ts";

for (const [how, byMs] of [
  ["back", -3_600_000],
  ["forward", 3_600_000],
] as const) {
  test(`[BEAT-1] [BEAT-3] heartbeats and audits go on when the clock is set ${how}`, async (t) => {
    const { broker } = faultyBroker();
    let ranges = 0;
    const counted = new Proxy(broker, {
      get(target, name) {
        if (name === "range") ranges++;
        return Reflect.get(target, name) as unknown;
      },
    });
    const { url } = await startNode(t, { broker: counted, limits: { heartbeatMs: 200 } });
    const stream = await StreamClient.open(t, `${url}/channels/a`);
    await stream.receives(": heartbeat");
    const { now } = Date;
    t.mock.method(Date, "now", () => now() + byMs);
    const beats = () => stream.text.match(/: heartbeat/g)?.length ?? 0;
    const before = { beats: beats(), ranges };
    await until(() => beats() >= before.beats + 4 && ranges >= before.ranges + 4);
    assert.ok(!stream.isOver);
  });
}
