import { toBinary, toJsonString } from "@bufbuild/protobuf";
import { connect } from "@holdfast/client";
import { msgpack } from "@holdfast/client/msgpack";
import { createHoldfast } from "@holdfast/server";
import { PositionSchema } from "./generated/fleet_pb.ts";
import { ProtobufChannel } from "./protobuf-channel.ts";

const reports = 5;

const holdfast = createHoldfast();
const { url } = await holdfast.listen({ port: 0 });
console.log(`A server on ${url}`);

// A device speaks as much as it listens, so it has a WebSocket, on which MessagePack carries bytes as they are.
using device = connect(url, { need: "duplex", codec: msgpack });
// A dashboard mostly listens. It takes what its network lets through, and gets the same bytes.
using dashboard = connect(url);

async function drive(): Promise<void> {
  const fleet = new ProtobufChannel(device, "fleet:berlin", PositionSchema);
  for (let report = 0; report < reports; report++) {
    const position = {
      vehicle: "bus-100",
      latitude: 52.5163 + report / 1000,
      longitude: 13.3777,
      heading: 87.5,
      measuredNs: BigInt(Date.now()) * 1_000_000n + BigInt(report),
      sensors: { tyres: Uint8Array.of(231, 230, 229, 232), doors: Uint8Array.of(0) },
    };
    await fleet.publish(position, { key: position.vehicle });
  }
}

async function watch(): Promise<void> {
  const fleet = new ProtobufChannel(dashboard, "fleet:berlin", PositionSchema);
  let seen = 0;
  for await (const { data, cursor } of fleet.read({ after: "oldest" })) {
    const { vehicle, latitude, longitude, measuredNs, sensors } = data;
    const place = `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`;
    console.log(`${cursor}  ${vehicle} at ${place}, ${measuredNs} ns, tyres ${sensors["tyres"]?.join(" ")}`);
    if (++seen < reports) continue;
    const bytes = toBinary(PositionSchema, data).length;
    console.log(`${bytes} bytes each; as JSON ${toJsonString(PositionSchema, data).length}.`);
    return;
  }
}

await Promise.all([watch(), drive()]);
console.log(`The dashboard read over ${dashboard.transport}, the device wrote over ${device.transport}.`);
await holdfast.close({ spreadMs: 0 });
