import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import { lintExposition, parseExposition, sumOf } from "@holdfast/testkit";
import { createHoldfast, type HoldfastOptions, type LogEntry } from "./index.ts";
import { call, RawClient, StreamClient, until } from "./rig.test.ts";

async function startBoth(t: TestContext, options: HoldfastOptions = {}) {
  const log: LogEntry[] = [];
  const holdfast = createHoldfast({
    authenticate: (token) => (token === "secret" ? { user: "ada" } : null),
    authorize: (_, action) => action === "read",
    operations: { port: 0 },
    logger: (entry) => log.push(entry),
    ...options,
  });
  t.after(() => holdfast.close({ spreadMs: 0 }));
  const { url, operationsUrl = assert.fail("there is no operations listener") } = await holdfast.listen({
    port: 0,
  });
  return { holdfast, url, operationsUrl, log };
}

test("[SEE-5] a listener of its own tells how the node is without a token, and does nothing else", async (t) => {
  const { url, operationsUrl, log } = await startBoth(t);
  assert.equal((await call(`${url}/metrics`)).status, 401);
  for (const path of ["/health/live", "/health/ready", "/metrics", "/stats"])
    assert.equal((await call(operationsUrl + path)).status, 200, path);
  const { text } = await call(`${operationsUrl}/metrics`);
  assert.deepEqual(lintExposition(parseExposition(text)), []);
  const refused: [path: string, init: RequestInit, code: string][] = [
    ["/channels/a", {}, "not_found"],
    ["/connect", { method: "POST", body: "{}" }, "not_found"],
    ["/metrics", { method: "POST", body: "{}" }, "method_not_allowed"],
    ["/stats?deep=1", {}, "bad_parameter"],
  ];
  for (const [path, init, code] of refused) {
    const answer = await call(operationsUrl + path, init);
    assert.equal(answer.json.code, code, path);
    assert.ok(answer.headers.get("x-request-id"));
  }
  assert.ok(log.some((entry) => entry["url"] === operationsUrl));
  const { port } = new URL(operationsUrl);
  const rebound = new RawClient(t, Number(port)).send("GET /stats HTTP/1.1", "Host: evil.example", "", "");
  assert.equal(await rebound.code(), "forbidden");
});

test("[SEE-5] [CALM] a drain can be watched to its end, and then nothing listens any more", async (t) => {
  const { holdfast, url, operationsUrl } = await startBoth(t);
  const stream = await StreamClient.open(t, `${url}/channels/a`, {
    headers: { Authorization: "Bearer secret" },
  });
  await stream.receives("id: ");
  const drain = async () => {
    const families = parseExposition((await call(`${operationsUrl}/metrics`)).text);
    const connections = (state: string) => sumOf(families, "holdfast_drain_connections", { state });
    return {
      draining: sumOf(families, "holdfast_draining"),
      ready: sumOf(families, "holdfast_ready"),
      stay: connections("stay"),
      gone: connections("gone"),
    };
  };
  assert.deepEqual(await drain(), { draining: 0, ready: 1, stay: 1, gone: 0 });
  const closed = holdfast.close({ noticeMs: 3_600_000, spreadMs: 0 });
  assert.deepEqual(await drain(), { draining: 1, ready: 0, stay: 1, gone: 0 });
  assert.equal((await call(`${operationsUrl}/stats`)).json.node.isDraining, true);
  void holdfast.close();
  await stream.ends();
  await closed;
  await assert.rejects(fetch(`${operationsUrl}/health/live`));
});

test("[SEE-5] [BND-2] what is no port is refused with a sentence", () => {
  for (const port of [-1, 65_536, 1.5, "9090"])
    assert.throws(() => createHoldfast({ operations: { port: port as number } }), {
      mistakes: ['The option "operations.port" must be a whole number from 0 to 65535.'],
    });
});

test("[SEE-5] a port that is taken is told before anybody is served", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const address = taken.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const holdfast = createHoldfast({ operations: { port }, logger: () => {} });
  await assert.rejects(holdfast.listen({ port: 0 }), { code: "EADDRINUSE", port });
  await holdfast.close({ spreadMs: 0 });
  await until(() => holdfast.stats().connections === 0);
});
