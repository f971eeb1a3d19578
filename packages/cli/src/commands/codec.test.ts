import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { eventsOf, folder, run, serveHere } from "../rig.test.ts";

const photo = Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 7) % 256));

test("[PACK-1] with --codec msgpack bytes go in and come out over a WebSocket that speaks it", async (t) => {
  const offers: unknown[] = [];
  const { env, url } = await serveHere(t, {
    authenticate: (_, { url: path, headers }) => {
      if (path.startsWith("/connect")) offers.push(headers["sec-websocket-protocol"]);
      return { user: "ada" };
    },
    authorize: () => true,
  });
  const cwd = folder(t, {});
  writeFileSync(join(cwd, "photo.jpg"), photo);
  const file = ["--file", "photo.jpg", "--bytes"];
  const published = await run(t, ["publish", "images", ...file, "--codec", "msgpack"], { cwd, env });
  assert.deepEqual([published.code, published.stderr], [0, ""]);
  const [event] = await eventsOf(url, "images");
  assert.deepEqual([event?.data, event?.encoding], [photo.toString("base64"), "base64"]);
  const reading = ["subscribe", "images", "--last", "1", "--count", "1"];
  const read = await run(t, reading, { env: { ...env, HOLDFAST_CODEC: "msgpack" } });
  assert.deepEqual([read.code, read.stdout, read.stderr], [0, `${photo.toString("base64")}\n`, ""]);
  assert.ok(offers.length >= 2);
  assert.deepEqual(new Set(offers), new Set(["holdfast.v1.msgpack, holdfast.v1.json"]));
});

test("--codec msgpack and a transport that cannot carry it exclude each other", async (t) => {
  const args = ["subscribe", "a", "--codec", "msgpack", "--via", "sse"];
  const { code, stderr } = await run(t, args);
  assert.equal(code, 2);
  assert.match(stderr, /msgpack is spoken over a WebSocket alone; leave out --codec, or --via sse\./);
});
