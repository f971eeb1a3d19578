import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { run, startServer, until } from "../rig.test.ts";

function entries(stderr: string): Record<string, unknown>[] {
  const whole = stderr.slice(0, stderr.lastIndexOf("\n") + 1);
  return whole.split("\n").flatMap((line) => (line.startsWith("{") ? JSON.parse(line) : []));
}

test("[SEE] --log-level debug follows each client, and info does not", async (t) => {
  const debug = await startServer(t, ["--log-level", "debug"]);
  const info = await startServer(t);
  for (const { url } of [debug, info]) {
    const refused = await fetch(`${url}/channels/a?after=nothing&ticket=s3cret`, {
      headers: { "X-Request-Id": "r-1" },
    });
    assert.deepEqual([refused.status, refused.headers.get("x-request-id")], [400, "r-1"]);
    const stream = await fetch(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } });
    await stream.body?.cancel();
  }
  await until(() => debug.server.stderr.includes("A connection closed."));
  const lines = entries(debug.server.stderr);
  const opened = lines.find(({ message }) => message === "A connection opened.");
  const closed = lines.find(({ message }) => message === "A connection closed.");
  assert.equal(opened?.["connection"], closed?.["connection"]);
  assert.equal(closed?.["reason"], "client");
  assert.ok(lines.some(({ request, code }) => request === "r-1" && typeof code === "string"));
  assert.doesNotMatch(debug.server.stderr, /s3cret/);
  assert.deepEqual(
    entries(info.server.stderr).filter(({ level }) => level === "debug"),
    [],
  );
});

test("[SEE-5] --set operations.port opens a listener for those who look after it, and says where", async (t) => {
  const { server } = await startServer(t, ["--set", "operations.port=0"]);
  const [, url = ""] = await server.says("stderr", /without a token\..*"url":"([^"]+)"/);
  const metrics = await fetch(`${url}/metrics`);
  assert.equal(metrics.status, 200);
  assert.match(await metrics.text(), /^holdfast_ready 1$/m);
  assert.equal((await fetch(`${url}/channels/a`)).status, 404);
});

test("[SEE-5] an operations port that is taken is told as that", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const { code, stderr } = await run(t, ["serve", "--port", "0", "--set", `operations.port=${port}`]);
  assert.equal(code, 8);
  assert.match(stderr, new RegExp(`Port ${port} is in use, which is to be that for operations`));
});
