import assert from "node:assert/strict";
import { test } from "node:test";
import { call, post, RawClient, startNode } from "../rig.test.ts";

const bytesHeaders = { "Content-Type": "application/octet-stream" };

test("[ACK-1] [ACK-2] [POST-4] a publish is acknowledged with its place, and answered the same again when it is repeated", async (t) => {
  const { url } = await startNode(t);
  const path = `${url}/channels/orders`;
  const first = await post(path, '{"n":1}', { "Idempotency-Key": "k1" });
  assert.equal(first.status, 201);
  assert.deepEqual(Object.keys(first.json), ["cursor", "at", "duplicate"]);
  assert.equal(first.json.duplicate, false);
  const again = await post(path, '{"n":1}', { "Idempotency-Key": "k1" });
  assert.equal(again.status, 200);
  assert.deepEqual(again.json, { ...first.json, duplicate: true });
  const page = await call(path);
  assert.deepEqual(
    page.json.events.map((event: { cursor: string; id: string }) => [event.cursor, event.id]),
    [[first.json.cursor, "k1"]],
  );
});

test("[ACK-2] an id is the publisher's own: another one's same id is another event", async (t) => {
  const { url } = await startNode(t, {
    authenticate: (token) => (token === undefined ? null : { user: token }),
    authorize: () => true,
  });
  const as = (user: string) => ({ Authorization: `Bearer ${user}`, "Idempotency-Key": "k1" });
  assert.equal((await post(`${url}/channels/a`, "1", as("ada"))).status, 201);
  assert.equal((await post(`${url}/channels/a`, "2", as("bob"))).status, 201);
  assert.equal((await post(`${url}/channels/a`, "2", as("bob"))).json.duplicate, true);
  const { json } = await call(`${url}/channels/a`, { headers: { Authorization: "Bearer ada" } });
  assert.deepEqual(
    json.events.map((event: { from: string }) => event.from),
    ["ada", "bob"],
  );
});

test("[EVT-1] [POST-1] a payload arrives as the kind it was published as", async (t) => {
  const { url } = await startNode(t);
  const path = `${url}/channels/a`;
  const json = '{"big":12345678901234567890,\r\n "exact": 1.0}';
  await post(path, json, { "Content-Type": "application/json; charset=UTF-8" });
  await post(path, "zwei\nZeilen ü", { "Content-Type": "text/plain" });
  await post(path, Uint8Array.of(0, 255, 128), bytesHeaders);
  await post(path, "GIF89a", { "Content-Type": "image/gif" });
  await post(path, "", { "Content-Type": "text/plain" });
  const { text, json: page } = await call(path);
  assert.ok(
    text.includes('"data":{"big":12345678901234567890,  "exact": 1.0}') ||
      text.includes('"data":{"big":12345678901234567890, "exact": 1.0}') ||
      text.includes('"data":{"big":12345678901234567890,   "exact": 1.0}'),
    text,
  );
  assert.deepEqual(
    page.events.slice(1).map((event: { data: unknown; encoding: unknown }) => [event.data, event.encoding]),
    [
      ["zwei\nZeilen ü", "text"],
      ["AP+A", "base64"],
      [Buffer.from("GIF89a").toString("base64"), "base64"],
      ["", "text"],
    ],
  );
});

test("[POST-1] a body whose kind is not named, or not spoken, is refused", async (t) => {
  const { url, port } = await startNode(t);
  const nameless = new RawClient(t, port).send(
    "POST /channels/a HTTP/1.1",
    "Host: localhost",
    "Content-Length: 1",
    "",
    "1",
  );
  assert.equal(await nameless.code(), "unsupported_media_type");
  for (const type of ["nonsense", "text/plain; charset=iso-8859-1", "application/json;charset=utf-16"]) {
    const { status, json } = await post(`${url}/channels/a`, "1", { "Content-Type": type });
    assert.deepEqual([status, json.code], [415, "unsupported_media_type"], type);
  }
  const packed = await post(`${url}/channels/a`, "1", { "Content-Encoding": "gzip" });
  assert.equal(packed.json.code, "unsupported_media_type");
  assert.deepEqual((await call(`${url}/channels/a`)).json.events, []);
});

test("[EVT-2] labels come from the headers, and illegal ones are refused", async (t) => {
  const { url } = await startNode(t);
  const path = `${url}/channels/a`;
  await post(path, "1", { "Event-Type": "order.paid", "Event-Key": "order-7", "Idempotency-Key": "01J9" });
  const [event] = (await call(path)).json.events;
  assert.deepEqual([event.type, event.key, event.id], ["order.paid", "order-7", "01J9"]);
  for (const headers of [
    { "Event-Type": "gap" },
    { "Event-Type": "has space" },
    { "Event-Type": "x".repeat(65) },
    { "Event-Key": "x".repeat(129) },
    { "Event-Key": "ü" },
    { "Idempotency-Key": "a b" },
    { "Idempotency-Key": "" },
  ]) {
    const { status, json } = await post(path, "1", headers as unknown as Record<string, string>);
    assert.deepEqual([status, json.code], [400, "bad_event"], JSON.stringify(headers));
  }
  assert.equal((await call(path)).json.events.length, 1);
});

test("[EVT-3] [PUB-3] bytes that are no UTF-8, and text that is no JSON, are refused and never repaired", async (t) => {
  const { url } = await startNode(t);
  const path = `${url}/channels/a`;
  const bad = Uint8Array.of(34, 0xc3, 0x28, 34);
  for (const type of ["application/json", "text/plain", "application/x-ndjson"]) {
    const { status, json } = await post(path, bad, { "Content-Type": type });
    assert.deepEqual([status, json.code], [400, "bad_utf8"], type);
  }
  for (const text of ["{", "", "{'a':1}", "undefined"]) {
    assert.equal((await post(path, text)).json.code, "bad_json", text);
  }
  assert.deepEqual((await call(path)).json.events, []);
});

test("[ACK-3] [POST-4] a batch is appended whole, and answered event by event", async (t) => {
  const { url } = await startNode(t);
  const ndjson = { "Content-Type": "application/x-ndjson" };
  const lines = [
    '{"data":{"n":1.0},"id":"a","key":"k"}',
    '{"data":"AAE=","encoding":"base64"}',
    '{"data":"x","encoding":"text","type":"t"}',
  ];
  const { status, json } = await post(`${url}/channels/a`, `${lines.join("\r\n")}\n\n`, ndjson);
  assert.equal(status, 201);
  assert.deepEqual(
    json.results.map((result: { duplicate: boolean }) => result.duplicate),
    [false, false, false],
  );
  assert.equal(json.cursor, json.results[2].cursor);
  const page = await call(`${url}/channels/a`);
  assert.deepEqual(
    page.json.events.map((event: { cursor: string }) => event.cursor),
    json.results.map((result: { cursor: string }) => result.cursor),
  );
  assert.ok(page.text.includes('"data":{"n":1.0},"key":"k","id":"a"'), page.text);
  const repeated = await post(`${url}/channels/a`, `${lines[0]}\n`, ndjson);
  assert.deepEqual([repeated.status, repeated.json.results[0].duplicate], [200, true]);
  const mixed = await post(`${url}/channels/a`, `${lines[0]}\n{"data":2}`, ndjson);
  assert.deepEqual(
    [mixed.status, ...mixed.json.results.map((result: { duplicate: boolean }) => result.duplicate)],
    [201, true, false],
  );
});

test("[POST-2] [PUB-3] a batch refused for one line names it, and appends nothing", async (t) => {
  const { url } = await startNode(t, { limits: { publishEventsMax: 3 } });
  const batch = async (body: string, headers = {}) =>
    await post(`${url}/channels/a`, body, { "Content-Type": "application/x-ndjson", ...headers });
  for (const [line, code] of [
    ["{", "bad_json"],
    ['{"dta":1}', "bad_event"],
    ['{"data":1,"type":"gap"}', "bad_event"],
    ['{"data":"*","encoding":"base64"}', "bad_event"],
  ]) {
    const { status, json } = await batch(`{"data":1}\n\n${line}\n{"data":2}`);
    assert.deepEqual([status, json.code], [400, code]);
    assert.match(json.detail, /^Line 3: /);
  }
  assert.equal((await batch("\n")).json.code, "bad_event");
  assert.equal((await batch('{"data":1}', { "Event-Key": "k" })).json.code, "bad_request");
  const { status, json } = await batch('{"data":1}\n'.repeat(4));
  assert.deepEqual([status, json.code], [413, "too_large"]);
  assert.deepEqual((await call(`${url}/channels/a`)).json.events, []);
});

test("[PUB-1] with If-Match the append happens only at that head, and a retry with a known id is answered first", async (t) => {
  const { url } = await startNode(t);
  const path = `${url}/channels/a`;
  const { headers } = await call(path);
  const first = await post(path, "1", { "If-Match": headers.get("etag") ?? "", "Idempotency-Key": "one" });
  assert.equal(first.status, 201);
  const stale = await post(path, "2", { "If-Match": headers.get("etag") ?? "" });
  assert.deepEqual(
    [stale.status, stale.json.code, stale.json.cursor],
    [412, "precondition_failed", first.json.cursor],
  );
  const retried = await post(path, "1", { "If-Match": headers.get("etag") ?? "", "Idempotency-Key": "one" });
  assert.deepEqual([retried.status, retried.json.duplicate], [200, true]);
  assert.equal((await post(path, "3", { "If-Match": `"${first.json.cursor}"` })).status, 201);
  for (const bad of ["k-1", "*", '"k-1", "k-2"', '"k"']) {
    assert.equal((await post(path, "4", { "If-Match": bad })).json.code, "bad_cursor", bad);
  }
  assert.equal((await call(path)).json.events.length, 2);
});

test("[PUB-2] [END-1] a closed channel refuses, and closing twice is no error", async (t) => {
  const { url } = await startNode(t);
  const { json: published } = await post(`${url}/channels/a`, "1");
  for (let twice = 0; twice < 2; twice++) {
    const { status, json } = await call(`${url}/channels/a/close`, { method: "POST" });
    assert.equal(status, 200);
    assert.deepEqual(json, { channel: "a", cursor: published.cursor, closed: true });
  }
  const late = await post(`${url}/channels/a`, "2");
  assert.deepEqual([late.status, late.json.code, late.json.retry], [409, "channel_closed", "never"]);
});

test("[STATE-1] the state is the newest event of each key, oldest first, with the cursor to follow from", async (t) => {
  const { holdfast, url } = await startNode(t);
  await holdfast.publish("a", 1, { key: "x" });
  await holdfast.publish("a", 2);
  await holdfast.publish("a", 3, { key: "y" });
  await holdfast.publish("a", 4);
  const last = await holdfast.publish("a", 5, { key: "x" });
  const { json } = await call(`${url}/channels/a/state`);
  assert.deepEqual(
    json.events.map((event: { data: unknown; key?: string }) => [event.key, event.data]),
    [
      ["y", 3],
      [undefined, 4],
      ["x", 5],
    ],
  );
  assert.deepEqual([json.channel, json.cursor, json.truncated], ["a", last.cursor, false]);
  assert.equal((await call(`${url}/channels/a/state?after=latest`)).json.code, "bad_parameter");
});

test("[STATE-2] state outlives retention, and says where a limit has removed keys", async (t) => {
  const { holdfast, url } = await startNode(t, {
    namespaces: { "": { retention: { eventsMax: 1, stateKeysMax: 2 } } },
  });
  await holdfast.publish("a", 1, { key: "x" });
  await holdfast.publish("a", 2, { key: "y" });
  const { json } = await call(`${url}/channels/a/state`);
  assert.deepEqual([json.events.length, json.truncated], [2, false]);
  await holdfast.publish("a", 3, { key: "z" });
  assert.equal((await call(`${url}/channels/a/state`)).json.truncated, true);
});

test("[SIG-1] [PRS-1] signals and presence have their places over HTTP", async (t) => {
  const { url } = await startNode(t);
  const sent = await post(`${url}/channels/a/signals`, '{"key":"cursor","data":{"x":1}}');
  assert.deepEqual([sent.status, sent.text], [202, ""]);
  assert.equal((await post(`${url}/channels/a/signals`, '{"key":"cursor"}')).json.code, "bad_message");
  assert.equal((await post(`${url}/channels/a/signals`, '{"data":1,"key":7}')).json.code, "bad_message");
  assert.deepEqual((await call(`${url}/channels/a/presence`)).json, { channel: "a", members: [] });
  assert.deepEqual((await call(`${url}/channels/a`)).json.events, []);
});
