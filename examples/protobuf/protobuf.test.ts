import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect } from "@holdfast/client";
import { msgpack } from "@holdfast/client/msgpack";
import { createHoldfast } from "@holdfast/server";
import { PositionSchema } from "./generated/fleet_pb.ts";
import { ProtobufChannel } from "./protobuf-channel.ts";

test("[EVT-1] the example runs to its end, and each position arrives as it was sent", async () => {
  const main = spawn(process.execPath, [join(import.meta.dirname, "main.ts")]);
  let output = "";
  let errors = "";
  main.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  main.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const [code] = (await once(main, "close")) as [number | null];
  assert.equal(code, 0, errors);
  const positions = [
    ...output.matchAll(/bus-100 at (52\.\d{4}), 13\.3777, \d{19} ns, tyres 231 230 229 232/g),
  ];
  assert.deepEqual(
    positions.map(([, latitude]) => latitude),
    ["52.5163", "52.5173", "52.5183", "52.5193", "52.5203"],
  );
  assert.match(output, /The dashboard read over \S+, the device wrote over websocket\./);
});

async function open(t: TestContext) {
  const holdfast = createHoldfast({ logger: () => {} });
  const { url } = await holdfast.listen({ port: 0 });
  const client = connect(url, { need: "duplex", codec: msgpack });
  t.after(async () => {
    client.close();
    await holdfast.close({ spreadMs: 0, deadlineMs: 1000 });
  });
  return { client, fleet: new ProtobufChannel(client, "fleet", PositionSchema) };
}

test("[PACK-2] a message arrives whole: 64-bit numbers, bytes within bytes, and fields that were left out", async (t) => {
  const { fleet } = await open(t);
  const sensors = { noise: Uint8Array.from({ length: 256 }, (_, byte) => byte) };
  await fleet.publish({ vehicle: "ż", measuredNs: 2n ** 64n - 1n, heading: -0.5, sensors });
  for await (const { data, type } of fleet.read({ after: "oldest" })) {
    assert.equal(type, "holdfast.example.v1.Position");
    assert.deepEqual(
      [data.vehicle, data.measuredNs, data.heading, data.latitude],
      ["ż", 2n ** 64n - 1n, -0.5, 0],
    );
    assert.deepEqual(data.sensors, sensors);
    break;
  }
});

test("an event that is no message of the schema is named, not decoded", async (t) => {
  const { client, fleet } = await open(t);
  await client.publish("fleet", Uint8Array.of(1), { type: "other" });
  const reading = fleet.read({ after: "oldest" });
  await assert.rejects(reading.next(), /is no holdfast\.example\.v1\.Position, but other/);
});
