import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { HoldfastOptions } from "../index.ts";
import { call, forgotten, post, startNode, until } from "../rig.test.ts";
import { Content, represent } from "./content.ts";

const on: HoldfastOptions = { compression: { thresholdBytes: 300 } };
const long = "the same words again and again ".repeat(20);

interface Coded {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
}

const decoders: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: (bytes) => gunzipSync(bytes),
  zstd: (bytes) => zstdDecompressSync(bytes),
};

/** Asks without a library that would decode by itself. */
async function ask(
  url: string,
  acceptEncoding: string | undefined,
  headers: Record<string, string> = {},
  { method = "GET", body = "" } = {},
): Promise<Coded> {
  const coding = acceptEncoding === undefined ? {} : { "Accept-Encoding": acceptEncoding };
  const outgoing = request(url, { method, agent: false, headers: { ...headers, ...coding } }).end(body);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  const bytes = Buffer.concat(await response.toArray());
  const decode = bytes.length === 0 ? undefined : decoders[response.headers["content-encoding"] ?? ""];
  const text = String(decode === undefined ? bytes : decode(bytes));
  return { status: response.statusCode ?? 0, headers: response.headers, bytes, text };
}

test("[ZIP-1] [ZIP-8] a page is coded as its reader asks, and says the same in every coding", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  await holdfast.publish("a", long);
  const plain = await ask(`${url}/channels/a`, undefined);
  assert.equal(plain.headers["content-encoding"], undefined);
  for (const [accept, coding] of [
    ["gzip", "gzip"],
    ["zstd", "zstd"],
    ["gzip, deflate, br, zstd", "zstd"],
    ["gzip, deflate", "gzip"],
    ["br", undefined],
    ["gzip;q=0", undefined],
  ] as const) {
    const { headers, bytes, text } = await ask(`${url}/channels/a`, accept);
    assert.equal(headers["content-encoding"], coding, accept);
    assert.equal(headers["content-length"], String(bytes.length));
    assert.equal(headers["content-type"], "application/json");
    assert.equal(text, plain.text);
    assert.equal(bytes.length < plain.bytes.length / 2, coding !== undefined);
  }
});

test("[ZIP-8] [ZIP-9] caches are told that the answer depends on the coding asked for, coded or not", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  for (const data of ["short", long, "short"]) await holdfast.publish("a", data);
  const { cursor } = (await call(`${url}/channels/a?after=oldest&limit=1`)).json;
  for (const [query, accept] of [
    [`after=${cursor}&limit=1`, "gzip"],
    [`after=${cursor}&limit=1`, undefined],
    ["limit=1", "gzip"],
  ] as const) {
    const { headers } = await ask(`${url}/channels/a?${query}`, accept);
    assert.equal(headers.vary, "Origin, Accept, Accept-Encoding");
  }
  const kept = await ask(`${url}/channels/a?after=${cursor}&limit=1`, "gzip");
  assert.equal(kept.headers["cache-control"], "public, max-age=86400");
  assert.equal(kept.headers["content-encoding"], "gzip");
});

test("[JSON-2] [ZIP-9] each coding has a tag of its own, and any of them is answered 304 while the page is the same", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  const { cursor } = await holdfast.publish("a", long);
  const tags: string[] = [];
  for (const accept of [undefined, "gzip", "zstd"]) {
    const { etag = "" } = (await ask(`${url}/channels/a`, accept)).headers;
    tags.push(etag);
    const same = await ask(`${url}/channels/a`, accept, { "If-None-Match": etag });
    assert.deepEqual([same.status, same.bytes.length, same.headers.etag], [304, 0, etag]);
    assert.equal(same.headers.vary, "Origin, Accept, Accept-Encoding");
    assert.equal(same.headers["content-encoding"], undefined);
  }
  assert.deepEqual(tags, [`"${cursor}"`, `"${cursor}.gzip"`, `"${cursor}.zstd"`]);
  const onward = await post(`${url}/channels/a`, "1", { "If-Match": tags[1] ?? "" });
  assert.equal(onward.status, 201);
  for (const tag of tags) {
    const changed = await ask(`${url}/channels/a`, "gzip", { "If-None-Match": tag });
    assert.equal(changed.status, 200);
  }
});

test("[ZIP-8] who excludes what is not coded gets it coded however short, and who excludes all is refused", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  await holdfast.publish("a", 1);
  assert.equal((await ask(`${url}/channels/a`, "gzip")).headers["content-encoding"], undefined);
  const coded = await ask(`${url}/channels/a`, "gzip, identity;q=0");
  assert.equal(coded.headers["content-encoding"], "gzip");
  assert.equal(JSON.parse(coded.text).events[0].data, 1);
  const refused = await ask(`${url}/channels/a`, "br, identity;q=0");
  assert.deepEqual([refused.status, JSON.parse(refused.text).code], [406, "not_acceptable"]);
});

test("[ZIP-8] state, presence and answers of the session protocol are coded like pages", async (t) => {
  const { holdfast, url } = await startNode(t, { compression: { thresholdBytes: 0 } });
  const { cursor } = await holdfast.publish("a", long, { key: "k" });
  const state = await ask(`${url}/channels/a/state`, "gzip");
  assert.equal(state.headers["content-encoding"], "gzip");
  assert.equal(JSON.parse(state.text).cursor, cursor);
  const presence = await ask(`${url}/channels/a/presence`, "gzip, identity;q=0");
  assert.equal(presence.headers["content-encoding"], "gzip");
  assert.deepEqual(JSON.parse(presence.text).members, []);
  const hello = { type: "hello", subscriptions: [{ channel: "a", after: "oldest" }] };
  const answer = await ask(
    `${url}/connect`,
    "zstd",
    { "Content-Type": "application/json" },
    { method: "POST", body: JSON.stringify(hello) },
  );
  assert.equal(answer.headers["content-encoding"], "zstd");
  assert.equal(JSON.parse(answer.text).messages.at(-1).events[0].data, long);
});

test("[ZIP-8] the answer to HEAD has the headers of the coded page", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  await holdfast.publish("a", long);
  const { headers } = await ask(`${url}/channels/a`, "gzip");
  const head = await ask(`${url}/channels/a`, "gzip", {}, { method: "HEAD" });
  assert.equal(head.bytes.length, 0);
  for (const name of ["content-encoding", "content-length", "etag", "vary"]) {
    assert.equal(head.headers[name], headers[name]);
  }
});

test("[ZIP-8] [BND-1] a long page is compressed beside the event loop, also when its reader leaves meanwhile", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  for (let n = 0; n < 40; n++) await holdfast.publish("a", `${n} ${long.repeat(10)}`);
  const { headers, text } = await ask(`${url}/channels/a`, "gzip");
  assert.equal(headers["content-encoding"], "gzip");
  assert.equal(JSON.parse(text).events.length, 40);
  const leaving = request(`${url}/channels/a`, {
    agent: false,
    headers: { "Accept-Encoding": "gzip" },
  }).end();
  leaving.on("error", () => {});
  await once(leaving, "finish");
  leaving.destroy();
  await forgotten(holdfast);
});

test("[ZIP-1] [JSON-3] those who wait for the same page share its bytes, whatever coding each takes", async (t) => {
  const { holdfast, url } = await startNode(t, on);
  const { cursor } = await holdfast.publish("a", 1);
  const path = `${url}/channels/a?after=${cursor}&wait=60`;
  const held = [undefined, "gzip", "zstd", "gzip"].map((accept) => ask(path, accept));
  await until(() => holdfast.stats().waiters === 4);
  await holdfast.publish("a", long);
  const answers = await Promise.all(held);
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  assert.deepEqual(answers[1]?.bytes, answers[3]?.bytes);
});

test("[ZIP-7] where compression is off nothing is coded, and nothing says that it could be", async (t) => {
  const { holdfast, url } = await startNode(t);
  await holdfast.publish("a", long);
  const { headers } = await ask(`${url}/channels/a`, "gzip, zstd");
  assert.deepEqual([headers["content-encoding"], headers.vary], [undefined, "Origin, Accept"]);
});

test("[ZIP-8] [ERR-2] any Accept-Encoding is answered", async (t) => {
  const { url } = await startNode(t, on);
  for (const junk of [",".repeat(5000), "gzip;".repeat(2000), "\u00ff", '"', "gzip;q=", "q=1;gzip"]) {
    assert.equal((await ask(`${url}/channels/a`, junk)).status, 200, junk.slice(0, 20));
  }
});

test("[ZIP-1] content that would not become shorter is not coded, and none is coded twice", async () => {
  const settings = { level: 1, thresholdBytes: 0 };
  const short = new Content("{}");
  assert.deepEqual(await represent(short, "gzip", settings), { bytes: short.bytes, coding: undefined });
  const content = new Content(long);
  const [one, other] = await Promise.all([
    represent(content, "gzip", settings),
    represent(content, "zstd;q=0.1, gzip", settings),
  ]);
  assert.equal(one.bytes, other.bytes);
});

test("[ZIP-8] [ERR-2] an answer of the session protocol is refused like any other to who takes no coding of ours", async (t) => {
  const { url } = await startNode(t, on);
  const hello = JSON.stringify({ type: "hello", subscriptions: [{ channel: "a" }] });
  for (const path of ["/connect", "/connect?wait=1"]) {
    const answer = await post(`${url}${path}`, hello, {
      Accept: "application/json",
      "Accept-Encoding": "identity;q=0",
    });
    assert.deepEqual([answer.status, answer.json.code], [406, "not_acceptable"]);
  }
});
