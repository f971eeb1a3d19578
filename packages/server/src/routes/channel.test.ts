import assert from "node:assert/strict";
import { test } from "node:test";
import { call, forgotten, post, startNode, until } from "../rig.test.ts";

test("[JSON-1] without a start the newest page is answered, and says where to read on", async (t) => {
  const { holdfast, url } = await startNode(t);
  const empty = await call(`${url}/channels/orders`);
  assert.equal(empty.status, 200);
  assert.equal(empty.headers.get("content-type"), "application/json");
  assert.deepEqual(empty.json.events, []);
  assert.equal(empty.json.from, empty.json.cursor);
  const first = await holdfast.publish("orders", { n: 1 });
  await holdfast.publish("orders", { n: 2 });
  const third = await holdfast.publish("orders", { n: 3 });
  const { json } = await call(`${url}/channels/orders?limit=2`);
  assert.equal(json.from, first.cursor);
  assert.equal(json.cursor, third.cursor);
  assert.deepEqual(
    json.events.map((event: { data: unknown }) => event.data),
    [{ n: 2 }, { n: 3 }],
  );
  assert.deepEqual([json.channel, json.more, json.closed, json.gap], ["orders", false, false, null]);
});

test("[JSON-1] [READ-2] [CUR-3] a page starts where it is asked to, and `more` leads to the end", async (t) => {
  const { holdfast, url } = await startNode(t);
  for (let n = 1; n <= 5; n++) await holdfast.publish("a", n);
  const seen: unknown[] = [];
  let after = "oldest";
  for (;;) {
    const { json } = await call(`${url}/channels/a?after=${after}&limit=2`);
    seen.push(...json.events.map((event: { data: unknown }) => event.data));
    after = json.cursor;
    if (!json.more) break;
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5]);
  const latest = await call(`${url}/channels/a?after=latest`);
  assert.deepEqual([latest.json.events, latest.json.cursor], [[], after]);
  const last = await call(`${url}/channels/a?last=3&limit=1`);
  assert.deepEqual([last.json.events[0].data, last.json.more], [3, true]);
  await post(`${url}/channels/a/close`, "");
  const closed = await call(`${url}/channels/a?after=${after}`);
  assert.deepEqual([closed.json.closed, closed.json.more], [true, false]);
  assert.equal((await call(`${url}/channels/a?after=oldest&limit=2`)).json.closed, false);
});

test("[JSON-1] [GAP-1] [GAP-2] [GAP-3] a cursor that cannot be resumed is answered with the gap before the events", async (t) => {
  const { holdfast, url } = await startNode(t, { namespaces: { "": { retention: { eventsMax: 2 } } } });
  for (let n = 1; n <= 4; n++) await holdfast.publish("a", n);
  const epoch = (await call(`${url}/channels/a`)).json.cursor.split("-")[0];
  const expired = (await call(`${url}/channels/a?after=${epoch}-0`)).json;
  assert.deepEqual(expired.gap, { from: `${epoch}-0`, to: `${epoch}-2`, reason: "expired" });
  assert.deepEqual([expired.from, expired.events.length], [`${epoch}-2`, 2]);
  for (const lost of [`${epoch}-99`, "zz9-1"]) {
    const { json } = await call(`${url}/channels/a?after=${lost}`);
    assert.deepEqual(json.gap, { from: lost, to: `${epoch}-2`, reason: "epoch" });
  }
});

test("[JSON-2] a page that the client has is answered 304 without a body", async (t) => {
  const { holdfast, url } = await startNode(t);
  await holdfast.publish("a", 1);
  const { headers, json } = await call(`${url}/channels/a`);
  const tag = headers.get("etag") ?? "";
  assert.equal(tag, `"${json.cursor}"`);
  for (const named of [tag, `"x", W/${tag}`, "*"]) {
    const same = await call(`${url}/channels/a`, { headers: { "If-None-Match": named } });
    assert.deepEqual([same.status, same.text, same.headers.get("etag")], [304, "", tag]);
  }
  await holdfast.publish("a", 2);
  assert.equal((await call(`${url}/channels/a`, { headers: { "If-None-Match": tag } })).status, 200);
});

test("[JSON-2] the tag tells a page with more, and the last one, from the same place at the head", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("a", 1);
  await holdfast.publish("a", 2);
  const first = await call(`${url}/channels/a?after=oldest&limit=1`);
  assert.equal(first.headers.get("etag"), `"${cursor}.more"`);
  await post(`${url}/channels/a/close`, "");
  const last = await call(`${url}/channels/a`);
  assert.equal(last.headers.get("etag"), `"${last.json.cursor}.end"`);
  const unaware = await call(`${url}/channels/a`, { headers: { "If-None-Match": `"${last.json.cursor}"` } });
  assert.equal(unaware.status, 200);
});

test("[JSON-3] an empty page is held until the first event", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("a", 1);
  const held = call(`${url}/channels/a?after=${cursor}&wait=60`);
  await until(() => holdfast.stats().waiters === 1);
  await holdfast.publish("a", 2);
  const { json } = await held;
  assert.deepEqual([json.from, json.events[0].data, json.events.length], [cursor, 2, 1]);
  assert.equal(holdfast.stats().waiters, 0);
});

test("[JSON-3] [CUR-3] `latest` means the head when the request came, however long it is held", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("a", 1);
  const held = call(`${url}/channels/a?after=latest&wait=60`);
  await until(() => holdfast.stats().waiters === 1);
  await holdfast.publish("a", 2);
  const { json } = await held;
  assert.deepEqual([json.from, json.events[0].data], [cursor, 2]);
});

test("[JSON-3] [END-1] a held page is answered at the channel's end", async (t) => {
  const { holdfast, url } = await startNode(t);
  const held = call(`${url}/channels/a?wait=60`);
  await until(() => holdfast.stats().waiters === 1);
  await post(`${url}/channels/a/close`, "");
  assert.deepEqual([(await held).json.events, (await held).json.closed], [[], true]);
  assert.equal((await call(`${url}/channels/a?wait=60`)).json.closed, true);
});

test("[JSON-3] at the deadline the answer is empty and complete, or 304", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("a", 1);
  const path = `${url}/channels/a?after=${cursor}&wait=0.05`;
  const { status, json } = await call(path);
  assert.equal(status, 200);
  assert.deepEqual(
    [json.from, json.cursor, json.events, json.more, json.gap],
    [cursor, cursor, [], false, null],
  );
  assert.equal((await call(path, { headers: { "If-None-Match": `"${cursor}"` } })).status, 304);
});

test("[JSON-3] a page that the client has already is held as an empty one is", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("a", 1);
  const held = call(`${url}/channels/a?wait=60`, { headers: { "If-None-Match": `"${cursor}"` } });
  await until(() => holdfast.stats().waiters === 1);
  await holdfast.publish("a", 2);
  assert.deepEqual((await held).json.events.length, 2);
});

test("[JSON-3] [BND-1] a client that leaves while it is held leaves nothing behind", async (t) => {
  const { holdfast, url } = await startNode(t);
  const leaving = new AbortController();
  const held = call(`${url}/channels/a?wait=60`, { signal: leaving.signal });
  await until(() => holdfast.stats().waiters === 1 && holdfast.stats().readers === 1);
  leaving.abort();
  await assert.rejects(held);
  await forgotten(holdfast);
});

test("[JSON-4] only a page that can never change may be kept", async (t) => {
  const { holdfast, url } = await startNode(t, { namespaces: { short: { retention: { eventsMax: 2 } } } });
  for (let n = 1; n <= 3; n++) await holdfast.publish("a", n);
  const { cursor } = (await call(`${url}/channels/a?after=oldest&limit=1`)).json;
  const kept = async (query: string, channel = "a") =>
    (await call(`${url}/channels/${channel}?${query}`)).headers.get("cache-control");
  assert.equal(await kept(`after=${cursor}&limit=1`), "public, max-age=86400");
  // It may grow, it starts elsewhere at another time, or it begins with a gap.
  assert.equal(await kept(`after=${cursor}&limit=2`), "no-store");
  assert.equal(await kept("after=oldest&limit=1"), "no-store");
  assert.equal(await kept("last=3&limit=1"), "no-store");
  assert.equal(await kept("limit=1"), "no-store");
  for (let n = 1; n <= 4; n++) await holdfast.publish("short:a", n);
  const epoch = (await call(`${url}/channels/short:a`)).json.cursor.split("-")[0];
  assert.equal(await kept(`after=${epoch}-0&limit=1`, "short:a"), "no-store");
  assert.equal(await kept(`after=${epoch}-2&limit=1`, "short:a"), "public, max-age=86400");
});

test("[JSON-4] a page that was held starts where the head was then, and is nobody else's", async (t) => {
  const { holdfast, url } = await startNode(t);
  const held = call(`${url}/channels/a?after=latest&wait=60&limit=1`);
  await until(() => holdfast.stats().waiters === 1);
  await Promise.all([holdfast.publish("a", 1), holdfast.publish("a", 2)]);
  const { headers, json } = await held;
  assert.deepEqual([json.more, headers.get("cache-control")], [true, "no-store"]);
});

test("[JSON-4] what depends on who asks is kept by nobody in between, and what anybody may read by anybody", async (t) => {
  const { holdfast, url } = await startNode(t, {
    authenticate: () => ({}),
    authorize: () => true,
    auth: { anonymous: ["read news"] },
  });
  for (const [channel, caching] of [
    ["secret", "private, no-cache"],
    ["news", "public, max-age=86400"],
  ]) {
    for (let n = 1; n <= 3; n++) await holdfast.publish(`${channel}`, n);
    const { cursor } = (await call(`${url}/channels/${channel}?after=oldest&limit=1`)).json;
    const page = await call(`${url}/channels/${channel}?after=${cursor}&limit=1`);
    assert.equal(page.headers.get("cache-control"), caching);
  }
});

test("[JSON-4] [AUTH-15] who has a page already is asked who they are before they are told to keep it", async (t) => {
  const { holdfast, url } = await startNode(t, {
    authenticate: (token) => (token === undefined ? null : { user: token }),
    authorize: ({ user }) => user === "ada",
  });
  for (let n = 1; n <= 3; n++) await holdfast.publish("a", n);
  const as = (user: string) => ({ Authorization: `Bearer ${user}` });
  const { cursor } = (await call(`${url}/channels/a?after=oldest&limit=1`, { headers: as("ada") })).json;
  const page = `${url}/channels/a?after=${cursor}&limit=1`;
  const tag = (await call(page, { headers: as("ada") })).headers.get("etag") ?? "";
  const status = async (headers: Record<string, string>) =>
    (await call(page, { headers: { ...headers, "If-None-Match": tag } })).status;
  assert.equal(await status(as("ada")), 304);
  assert.equal(await status(as("bob")), 403);
  assert.equal(await status({}), 401);
});

for (const [query, allowed] of [
  ["colour=red", "after, last, limit, wait"],
  ["limit=1&limit=2", "more than once"],
  ["limit=0", "1 to 1000"],
  ["limit=1001", "1 to 1000"],
  ["limit=ten", "1 to 1000"],
  ["limit=", "1 to 1000"],
  ["wait=61", "0 to 60 seconds"],
  ["wait=-1", "0 to 60 seconds"],
  ["wait=1e1", "0 to 60 seconds"],
  ["last=-1", "whole number"],
  ["last=1.5", "whole number"],
  ["after=latest&last=1", "exclude each other"],
] as const) {
  test(`[JSON-5] [READ-2] ?${query} is refused, saying what is allowed`, async (t) => {
    const { url } = await startNode(t);
    const { status, json } = await call(`${url}/channels/a?${query}`);
    assert.deepEqual([status, json.code], [400, "bad_parameter"]);
    assert.match(json.detail, new RegExp(allowed));
  });
}

test("[CUR-1] [ERR-2] a cursor or an encoding that is none is refused", async (t) => {
  const { url } = await startNode(t);
  for (const bad of ["17", "-17", "k-", "k-01", "K-1", "k-9007199254740992", "k--1", ""]) {
    const { status, json } = await call(`${url}/channels/a?after=${bad}`);
    assert.deepEqual([status, json.code], [400, "bad_cursor"], bad);
  }
  assert.equal((await call(`${url}/channels/a?after=%zz`)).json.code, "bad_request");
  assert.equal((await call(`${url}/channels/a?after=%ff`)).json.code, "bad_request");
});

test("[JSON-6] Accept chooses between JSON and an event stream", async (t) => {
  const { url } = await startNode(t);
  const typeFor = async (accept: string) => {
    const leaving = new AbortController();
    const response = await fetch(`${url}/channels/a`, {
      headers: { Accept: accept },
      signal: leaving.signal,
    });
    leaving.abort();
    return response.headers.get("content-type");
  };
  assert.equal(await typeFor("*/*"), "application/json");
  assert.equal(await typeFor("text/html,application/xhtml+xml,*/*;q=0.8"), "application/json");
  assert.equal(await typeFor("text/event-stream"), "text/event-stream");
  assert.equal(await typeFor("application/json;q=0.5, text/event-stream"), "text/event-stream");
  const { status, json } = await call(`${url}/channels/a`, { headers: { Accept: "image/png" } });
  assert.deepEqual([status, json.code], [406, "not_acceptable"]);
  const page = await call(`${url}/channels/a`);
  assert.match(page.headers.get("vary") ?? "", /Accept/);
});

test("[NAME-1] an illegal channel name is refused on every path, and an escaped legal one is not", async (t) => {
  const { url } = await startNode(t);
  for (const bad of ["a%20b", "a%2Fb", "%", "%ff", "a!b", "x".repeat(129), ""]) {
    for (const [method, rest] of [
      ["GET", ""],
      ["POST", ""],
      ["POST", "/close"],
      ["GET", "/state"],
      ["GET", "/presence"],
      ["POST", "/signals"],
    ] as const) {
      const { status, json } = await call(`${url}/channels/${bad}${rest}`, { method });
      assert.deepEqual([status, json.code], [400, "bad_channel"], `${method} ${bad}${rest}`);
    }
  }
  assert.equal((await call(`${url}/channels/room%3Aada%40home`)).json.channel, "room:ada@home");
  assert.equal((await call(`${url}/channels/${"x".repeat(128)}`)).status, 200);
});
