import assert from "node:assert/strict";
import { test } from "node:test";
import { outcomes } from "@holdfast/protocol";
import { call, faultyBroker, post, RawClient, startNode, until } from "./rig.test.ts";

test("[HTTP-1] [ERR-1] an error is a problem document with everything the table says of it", async (t) => {
  const { url } = await startNode(t);
  const { status, headers, json } = await call(`${url}/channels/a?limit=0`);
  assert.equal(status, 400);
  assert.equal(headers.get("content-type"), "application/problem+json");
  assert.equal(headers.get("cache-control"), "no-store");
  assert.deepEqual(json, {
    type: "urn:holdfast:bad_parameter",
    title: outcomes.bad_parameter.title,
    status: 400,
    code: "bad_parameter",
    detail: '"limit" is a whole number from 1 to 1000, not "0".',
    retry: "never",
  });
});

test("[HTTP-1] [ERR-1] what is worth trying again says when", async (t) => {
  const { broker, faults } = faultyBroker();
  const { url } = await startNode(t, { broker });
  faults.set("append", "fail");
  const { status, headers, json } = await post(`${url}/channels/a`, "1");
  assert.deepEqual([status, json.code, json.retry], [503, "broker_unavailable", "retry"]);
  assert.match(headers.get("retry-after") ?? "", /^[1-9]\d*$/);
});

test("[HTTP-1] a fault of the server tells its client nothing of its inside, and its operator everything", async (t) => {
  const { broker, faults } = faultyBroker();
  faults.set("read", new TypeError("secret"));
  const entries: unknown[] = [];
  const { url } = await startNode(t, { broker, logger: (entry) => entries.push(entry) });
  const { status, json, text } = await call(`${url}/channels/a`);
  assert.deepEqual([status, json.code], [500, "internal"]);
  assert.doesNotMatch(text, /secret|TypeError/);
  assert.match(JSON.stringify(entries), /A request failed.*TypeError: secret/);
});

test("[HTTP-2] a known path with another method names those it has, and an unknown path is not found", async (t) => {
  const { url } = await startNode(t);
  for (const [path, method, allow] of [
    ["/channels/a", "DELETE", "GET, HEAD, POST, OPTIONS"],
    ["/channels/a/close", "GET", "POST, OPTIONS"],
    ["/channels/a/state", "POST", "GET, HEAD, OPTIONS"],
    ["/channels/a/signals", "PUT", "POST, OPTIONS"],
    ["/channels/a/presence", "POST", "GET, HEAD, OPTIONS"],
    ["/events", "POST", "GET, HEAD, OPTIONS"],
    ["/connect", "GET", "POST, OPTIONS"],
    ["/health/live", "POST", "GET, HEAD, OPTIONS"],
  ] as const) {
    const { status, headers, json } = await call(`${url}${path}`, { method });
    assert.deepEqual([status, json.code, headers.get("allow")], [405, "method_not_allowed", allow], path);
  }
  for (const path of [
    "/",
    "/channels",
    "/channels/a/",
    "/channels/a/b",
    "/channels/a/state/x",
    "/Events",
    "/health",
  ]) {
    const { status, json } = await call(`${url}${path}`);
    assert.deepEqual([status, json.code], [404, "not_found"], path);
  }
});

test("[HTTP-2] OPTIONS says what a path takes", async (t) => {
  const { url } = await startNode(t);
  const { status, headers, text } = await call(`${url}/channels/a`, { method: "OPTIONS" });
  assert.deepEqual([status, text, headers.get("allow")], [204, "", "GET, HEAD, POST, OPTIONS"]);
});

test("[JSON-2] HEAD answers as GET does, without the body and without waiting", async (t) => {
  const { holdfast, url } = await startNode(t);
  await holdfast.publish("a", 1);
  const get = await call(`${url}/channels/a`);
  const head = await call(`${url}/channels/a?wait=60&last=0`, { method: "HEAD" });
  assert.deepEqual([head.status, head.text], [200, ""]);
  const same = await call(`${url}/channels/a`, { method: "HEAD" });
  for (const name of ["etag", "content-length", "content-type", "cache-control"]) {
    assert.equal(same.headers.get(name), get.headers.get(name), name);
  }
  const stream = await call(`${url}/channels/a`, {
    method: "HEAD",
    headers: { Accept: "text/event-stream" },
  });
  assert.deepEqual([stream.status, stream.headers.get("content-type")], [200, "text/event-stream"]);
});

test("[HTTP-4] no answer depends on an earlier request to the same node", async (t) => {
  const { broker } = faultyBroker();
  const one = await startNode(t, { broker });
  const two = await startNode(t, { broker });
  const published = await post(`${one.url}/channels/a`, "1", { "Idempotency-Key": "k" });
  const page = await call(`${two.url}/channels/a`);
  assert.equal(page.json.cursor, published.json.cursor);
  const again = await post(`${two.url}/channels/a`, "1", { "Idempotency-Key": "k" });
  assert.deepEqual([again.status, again.json.cursor], [200, published.json.cursor]);
  const tag = page.headers.get("etag") ?? "";
  assert.equal((await call(`${one.url}/channels/a`, { headers: { "If-None-Match": tag } })).status, 304);
  const held = post(`${two.url}/connect?wait=60`, '{"type":"hello","subscriptions":[{"channel":"a"}]}');
  await until(() => two.holdfast.stats().readers === 1);
  await one.holdfast.publish("a", "x");
  assert.ok((await held).json.messages.some(({ type }: { type: string }) => type === "events"));
});

test("[HTTP-2] a request target in absolute form means its path", async (t) => {
  const { port } = await startNode(t);
  const client = new RawClient(t, port).send(
    "GET http://localhost/channels/a?limit=1 HTTP/1.1",
    "Host: localhost",
    "",
    "",
  );
  await client.receives('"channel":"a"');
});
