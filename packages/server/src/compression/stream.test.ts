import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { HoldfastOptions } from "../index.ts";
import { call, forgotten, post, RawClient, StreamClient, startNode, until } from "../rig.test.ts";

const on: HoldfastOptions = { compression: { thresholdBytes: 300 } };
const long = "the same words again and again ".repeat(20);

function open(
  t: TestContext,
  url: string,
  acceptEncoding: string,
  { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
): Promise<StreamClient> {
  return StreamClient.open(t, url, { headers: { ...headers, "Accept-Encoding": acceptEncoding }, body });
}

/** All that a stream has brought until its end, as it came. */
async function wholeOf(client: StreamClient): Promise<Buffer> {
  await client.ends();
  return Buffer.concat(client.bytes);
}

for (const [coding, decode] of [
  ["gzip", gunzipSync],
  ["zstd", zstdDecompressSync],
] as const) {
  test(`[ZIP-10] [SSE-1] [SSE-7] a stream in ${coding} is read as it comes: its beginning, events, heartbeats`, async (t) => {
    const { holdfast, url } = await startNode(t, { ...on, limits: { heartbeatMs: 100 } });
    const client = await open(t, `${url}/channels/a`, coding);
    const { headers } = client.response;
    assert.equal(headers["content-encoding"], coding);
    assert.equal(headers["cache-control"], "no-store, no-transform");
    assert.match(headers.vary ?? "", /Accept-Encoding/);
    const beginning = /^retry: \d+\n\nid: \S+\n\n/;
    await until(() => beginning.test(client.text) || client.isOver);
    assert.match(client.text, beginning);
    const { cursor } = await holdfast.publish("a", long);
    await client.receives(`id: ${cursor}\ndata: "${long}"\n\n`);
    await holdfast.publish("a", "short");
    await client.receives('data: "short"\n\n');
    await client.receives(": heartbeat");
  });

  test(`[ZIP-10] [SSE-5] a stream in ${coding} that ends is whole, and says what is said uncoded`, async (t) => {
    const { holdfast, url } = await startNode(t, on);
    for (const data of [long, 1, `${long}${long}`]) await holdfast.publish("a", data);
    await post(`${url}/channels/a/close`, "");
    const client = await open(t, `${url}/channels/a?after=oldest`, coding);
    const text = String(decode(await wholeOf(client)));
    const plain = await call(`${url}/channels/a?after=oldest`, {
      headers: { Accept: "text/event-stream", "Accept-Encoding": "identity" },
    });
    assert.match(plain.text, /event: end/);
    assert.equal(text.replace(/^retry: \d+/, ""), plain.text.replace(/^retry: \d+/, ""));
    await forgotten(holdfast);
  });

  test(`[ZIP-10] [SES-2] the session protocol in ${coding} begins with welcome, and is whole when the node goes away`, async (t) => {
    const { holdfast, url } = await startNode(t, on);
    const body = { type: "hello", subscriptions: [{ channel: "a" }] };
    const client = await open(t, `${url}/connect`, coding, { body });
    await client.receives('"type":"subscribed"');
    await holdfast.publish("a", long);
    await client.receives(long);
    await holdfast.close({ spreadMs: 0 });
    const text = String(decode(await wholeOf(client)));
    assert.match(text, /^data: {"type":"welcome"/);
    assert.match(text, /"type":"reconnect"[^\n]*\n\n$/);
  });

  test(`[ZIP-10] [SES-7] the session protocol in ${coding} tells why it ends`, async (t) => {
    const { url } = await startNode(t, {
      ...on,
      authenticate: () => ({ user: "ada", expiresAt: Date.now() + 500 }),
      authorize: () => true,
    });
    const body = { type: "hello", subscriptions: [] };
    const client = await open(t, `${url}/connect`, coding, { body });
    assert.match(String(decode(await wholeOf(client))), /"code":"token_expired"[^\n]*\n\n$/);
  });

  test(`[ZIP-10] [SSE-3] [SSE-8] several channels in one stream in ${coding} resume from their id`, async (t) => {
    const { holdfast, url } = await startNode(t, on);
    const path = `${url}/events?channel=a&channel=b`;
    const first = await open(t, path, coding);
    await first.receives("id: b=");
    await holdfast.publish("a", long);
    await first.receives(long);
    first.response.destroy();
    const lastEventId = /.*\nid: (\S+)/s.exec(first.text)?.[1] ?? "";
    await holdfast.publish("b", `${long}!`);
    const second = await open(t, path, coding, {
      headers: { "Last-Event-ID": lastEventId },
    });
    await second.receives(`${long}!`);
    assert.ok(!second.text.includes(`${long}"`));
  });

  test(`[ZIP-10] [BND-1] a reader of ${coding} that stalls goes on from its cursor, and its stream is still whole`, async (t) => {
    const { holdfast, url } = await startNode(t, {
      ...on,
      limits: { connectionBufferBytesMax: 1000, pageBytesMax: 20_000 },
    });
    const client = await open(t, `${url}/channels/a`, coding);
    await client.receives("\n\nid: ");
    client.response.pause();
    const noise = () => Array.from({ length: 8000 }, () => Math.random().toString(36).slice(2, 4)).join("");
    let last = "";
    for (let n = 0; n < 400; n++) last = (await holdfast.publish("a", `${n} ${noise()}`)).cursor;
    await post(`${url}/channels/a/close`, "");
    client.response.resume();
    const text = String(decode(await wholeOf(client)));
    const ids = [...text.matchAll(/^id: (\S+)\ndata/gm)].map(([, id]) => id);
    assert.equal(ids.length, 400);
    assert.equal(ids.at(-1), last);
  });
}

/** The chunk that begins at a place of what a raw client received; undefined until it is there. */
function chunkAt(received: string, from: number): string | undefined {
  const end = received.indexOf("\r\n", from);
  if (end === -1) return undefined;
  const length = Number.parseInt(received.slice(from, end), 16);
  const chunk = received.slice(end + 2, end + 2 + length);
  return chunk.length === length ? chunk : undefined;
}

test("[ZIP-1] [ZIP-10] streams in the same coding are given the same bytes, and beside them others theirs", async (t) => {
  const { holdfast, port } = await startNode(t, on);
  const openRaw = async (coding: string) => {
    const client = new RawClient(t, port).send(
      "GET /channels/a HTTP/1.1",
      "Host: localhost",
      "Accept: text/event-stream",
      `Accept-Encoding: ${coding}`,
      "",
      "",
    );
    // Short as it is it can be read in every coding. Nothing more comes by itself until the heartbeat.
    await until(() => /\n\n[\s\S]*id: \S+\n\n\r\n$/.test(client.received));
    return { client, before: client.received.length };
  };
  const opened = await Promise.all(["gzip", "gzip", "zstd", "zstd", "identity"].map(openRaw));
  await holdfast.publish("a", long);
  const chunks = () => opened.map(({ client, before }) => chunkAt(client.received, before));
  await until(() => !chunks().includes(undefined));
  const [gzip, gzip2, zstd, zstd2, plain] = chunks();
  assert.equal(gzip, gzip2);
  assert.equal(zstd, zstd2);
  assert.notEqual(gzip, zstd);
  assert.ok(plain?.includes(long));
});

test("[ZIP-8] [ZIP-10] what Accept-Encoding excludes is refused before the stream, and HEAD tells its headers", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  const headers = { Accept: "text/event-stream", "Accept-Encoding": "br, identity;q=0" };
  const refused = await call(`${url}/channels/a`, { headers });
  assert.deepEqual([refused.status, refused.json.code], [406, "not_acceptable"]);
  const gzip = { ...headers, "Accept-Encoding": "gzip" };
  const head = await call(`${url}/channels/a`, { method: "HEAD", headers: gzip });
  assert.deepEqual([head.status, head.headers.get("content-encoding")], [200, "gzip"]);
  await forgotten(holdfast);
});

test("[ZIP-10] over HTTP/1.0, which has no chunks, a stream is coded and ends with the connection", async (t) => {
  const { holdfast, port } = await startNode(t, on);
  await holdfast.publish("a", long);
  await holdfast.closeChannel("a");
  const client = new RawClient(t, port).send(
    "GET /channels/a?after=oldest HTTP/1.0",
    "Accept: text/event-stream",
    "Accept-Encoding: gzip",
    "",
    "",
  );
  await client.closes();
  const body = client.received.slice(client.received.indexOf("\r\n\r\n") + 4);
  assert.match(String(gunzipSync(Buffer.from(body, "latin1"))), /event: end/);
});

test("[ZIP-7] [SSE-7] where compression is off a stream is as it is", async (t) => {
  const { url } = await startNode(t);
  const leaving = new AbortController();
  const response = await fetch(`${url}/channels/a`, {
    headers: { Accept: "text/event-stream" },
    signal: leaving.signal,
  });
  assert.equal(response.headers.get("content-encoding"), null);
  assert.equal(response.headers.get("vary"), "Origin");
  leaving.abort();
});
