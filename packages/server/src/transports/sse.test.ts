import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { EventSource } from "eventsource";
import { call, forgotten, post, RawClient, StreamClient, startNode, until } from "../rig.test.ts";

test("[SSE-1] [READ-1] the first bytes are a retry and the starting cursor, before anything was ever published", async (t) => {
  const { url } = await startNode(t);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives("id: ");
  const { cursor } = (await call(`${url}/channels/a`)).json;
  const [retry, position] = stream.blocks;
  assert.match(retry ?? "", /^retry: \d+$/);
  assert.equal(position, `id: ${cursor}`);
  const other = await StreamClient.open(t, `${url}/channels/a`);
  const third = await StreamClient.open(t, `${url}/channels/a`);
  await other.receives("id: ");
  await third.receives("id: ");
  assert.notDeepEqual([other.blocks[0], third.blocks[0]], [retry, retry]);
});

test("[SSE-1] [CLI-3] a client cut before its first event resumes from where it began", async (t) => {
  const { holdfast, url } = await startNode(t);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives("id: ");
  stream.leave();
  await forgotten(holdfast);
  await holdfast.publish("a", "missed");
  const id = /id: (.*)/.exec(stream.text)?.[1] ?? "";
  const resumed = await StreamClient.open(t, `${url}/channels/a`, { headers: { "Last-Event-ID": id } });
  await resumed.receives('data: "missed"');
});

test("[SSE-2] [EVT-1] an event's fields are its cursor, its type and its payload alone", async (t) => {
  const { url } = await startNode(t);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  const cursors: string[] = [];
  for (const [type, body, eventType] of [
    ["application/json", '{"total":\r\n42}', "order.paid"],
    ["text/plain", "one\ntwo\r\nthree\rfour", undefined],
    ["application/octet-stream", "\0\x01", undefined],
  ] as const) {
    const headers = { "Content-Type": type, ...(eventType === undefined ? {} : { "Event-Type": eventType }) };
    cursors.push((await post(`${url}/channels/a`, body, headers)).json.cursor);
  }
  await stream.receives("AAE=");
  assert.deepEqual(stream.blocks.slice(2), [
    `id: ${cursors[0]}\nevent: order.paid\ndata: {"total": 42}`,
    `id: ${cursors[1]}\ndata: one\ndata: two\ndata: three\ndata: four`,
    `id: ${cursors[2]}\ndata: AAE=`,
  ]);
});

test("[SSE-2] [ORD-1] [DUP-1] EventSource, which nobody here wrote, reads it all in order across cuts", async (t) => {
  const { holdfast, url } = await startNode(t);
  await holdfast.publish("a", 0);
  const source = new EventSource(`${url}/channels/a?after=oldest`, {
    fetch: (input, init) => fetch(input, { ...init, keepalive: false }),
  });
  t.after(() => source.close());
  const seen: number[] = [];
  source.addEventListener("message", (event) => seen.push(Number(event.data)));
  await until(() => seen.length === 1);
  for (let n = 1; n <= 20; n++) await holdfast.publish("a", n);
  await until(() => seen.length === 21);
  assert.deepEqual(seen, [...Array(21).keys()]);
  source.close();
  await forgotten(holdfast);
});

test("[SSE-3] Last-Event-ID wins over the query, unless it is empty", async (t) => {
  const { holdfast, url } = await startNode(t);
  const first = await holdfast.publish("a", 1);
  const second = await holdfast.publish("a", 2);
  for (const [query, id, start] of [
    ["?after=oldest", second.cursor, second.cursor],
    ["?last=2", second.cursor, second.cursor],
    [`?after=${first.cursor}`, "", first.cursor],
  ] as const) {
    const stream = await StreamClient.open(t, `${url}/channels/a${query}`, {
      headers: { "Last-Event-ID": id },
    });
    await stream.receives(`id: ${start}\n\n`);
    assert.equal(stream.blocks[1], `id: ${start}`);
    stream.leave();
  }
  const bad = await call(`${url}/channels/a`, {
    headers: { Accept: "text/event-stream", "Last-Event-ID": "nonsense" },
  });
  assert.deepEqual([bad.status, bad.json.code], [400, "bad_cursor"]);
});

test("[SSE-4] [GAP-1] a gap is an event of its own, whose id is where reading goes on", async (t) => {
  const { holdfast, url } = await startNode(t, { namespaces: { "": { retention: { eventsMax: 1 } } } });
  await holdfast.publish("a", 1);
  const { cursor } = await holdfast.publish("a", 2);
  const epoch = cursor.split("-")[0];
  const stream = await StreamClient.open(t, `${url}/channels/a?after=${epoch}-0`);
  await stream.receives("data: 2");
  const data = `{"channel":"a","from":"${epoch}-0","to":"${epoch}-1","reason":"expired"}`;
  assert.deepEqual(stream.blocks.slice(1), [
    `id: ${epoch}-0`,
    `id: ${epoch}-1\nevent: gap\ndata: ${data}`,
    `id: ${cursor}\ndata: 2`,
  ]);
});

test("[SSE-5] [END-1] the end comes after the last event, and the stream with it", async (t) => {
  const { holdfast, url } = await startNode(t);
  await holdfast.publish("a", 1);
  const stream = await StreamClient.open(t, `${url}/channels/a?after=oldest`);
  const { cursor } = await holdfast.publish("a", 2);
  await post(`${url}/channels/a/close`, "");
  await stream.ends();
  assert.ok(stream.response.complete, "the stream was ended, not cut");
  assert.deepEqual(stream.blocks.slice(-2), [
    `id: ${cursor}\ndata: 2`,
    `event: end\ndata: {"channel":"a","cursor":"${cursor}"}`,
  ]);
  await forgotten(holdfast);
});

test("[SSE-5] who comes back at the end of a closed channel is answered 204, and stops", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("a", 1);
  await post(`${url}/channels/a/close`, "");
  for (const query of ["", `?after=${cursor}`, "?last=0"]) {
    const { status, text } = await call(`${url}/channels/a${query}`, {
      headers: { Accept: "text/event-stream" },
    });
    assert.deepEqual([status, text], [204, ""], query);
  }
  const rest = await StreamClient.open(t, `${url}/channels/a?after=oldest`);
  await rest.ends();
  assert.match(rest.text, /data: 1\n\nevent: end\n/);
  const stranger = await StreamClient.open(t, `${url}/channels/a?after=zz-9`);
  await stranger.ends();
  assert.match(stranger.text, /event: gap\n/);
  assert.equal(holdfast.stats().sessions, 0);
});

test("[SSE-6] [CALM] a node that goes away tells each client when to come back, and ends the stream", async (t) => {
  const { holdfast, url } = await startNode(t);
  const streams = await Promise.all([1, 2, 3].map(() => StreamClient.open(t, `${url}/channels/a`)));
  for (const stream of streams) await stream.receives("id: ");
  await holdfast.close({ spreadMs: 300 });
  for (const stream of streams) {
    await stream.ends();
    assert.ok(stream.response.complete, "the stream was ended, not cut");
    const last = /^retry: (\d+)\nevent: reconnect\ndata: (.*)$/.exec(stream.blocks.at(-1) ?? "");
    assert.deepEqual(JSON.parse(last?.[2] ?? ""), { delayMs: Number(last?.[1]), reason: "drain" });
    // An EventSource keeps to this delay from then on, also where nobody answers it.
    assert.ok(Number(last?.[1]) >= 1000);
  }
});

test("[SSE-7] [BEAT-1] [BEAT-2] the headers forbid buffering, and a comment with the head leaves at every heartbeat", async (t) => {
  const { holdfast, url } = await startNode(t, { limits: { heartbeatMs: 100 } });
  const { cursor } = await holdfast.publish("a", 1);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  const { headers } = stream.response;
  assert.equal(headers["content-type"], "text/event-stream");
  assert.equal(headers["cache-control"], "no-store, no-transform");
  assert.equal(headers["x-accel-buffering"], "no");
  await stream.receives(`: heartbeat ${cursor}\n\n`);
  const second = await holdfast.publish("a", 2);
  await stream.receives(`: heartbeat ${second.cursor}\n\n`);
});

test("[SSE-8] [CUR-4] several channels in one stream resume by one compound cursor", async (t) => {
  const { holdfast, url } = await startNode(t);
  const a1 = await holdfast.publish("a", "a1");
  const stream = await StreamClient.open(t, `${url}/events?channel=a&channel=b&after=a=${a1.cursor}`);
  await until(() => holdfast.stats().readers === 2);
  const b1 = await holdfast.publish("b", "b1");
  const a2 = await holdfast.publish("a", "a2");
  await stream.receives("a2");
  assert.deepEqual(stream.blocks.slice(-2), [
    `id: b=${b1.cursor},a=${a1.cursor}\ndata: "b1"`,
    `id: a=${a2.cursor},b=${b1.cursor}\ndata: "a2"`,
  ]);
  stream.leave();
  await holdfast.publish("b", "b2");
  await holdfast.publish("a", "a3");
  const lastId = /id: (.*)\n.*\n\n$/.exec(stream.text)?.[1] ?? "";
  const resumed = await StreamClient.open(t, `${url}/events?channel=b&channel=a`, {
    headers: { "Last-Event-ID": lastId },
  });
  await resumed.receives("a3");
  await resumed.receives("b2");
  assert.doesNotMatch(resumed.text, /"(?:a1|a2|b1)"/);
});

test("[SSE-8] [READ-2] one channel on /events resumes by a compound cursor too, and oldest starts all of them there", async (t) => {
  const { holdfast, url } = await startNode(t);
  const first = await holdfast.publish("a", "a1");
  const stream = await StreamClient.open(t, `${url}/events?channel=a&after=oldest`);
  await stream.receives("a1");
  assert.equal(stream.blocks.at(-1), `id: a=${first.cursor}\ndata: "a1"`);
  stream.leave();
  await holdfast.publish("a", "a2");
  const resumed = await StreamClient.open(t, `${url}/events?channel=a&after=oldest`, {
    headers: { "Last-Event-ID": `a=${first.cursor}` },
  });
  await resumed.receives("a2");
  assert.doesNotMatch(resumed.text, /a1/);
});

test("[SSE-8] [GAP] the first ids name every cursor that was given, whichever channel speaks first", async (t) => {
  const { holdfast, url } = await startNode(t);
  const a1 = await holdfast.publish("a", "a1");
  const b1 = await holdfast.publish("b", "b1");
  await holdfast.publish("a", "a2");
  const after = `a=${a1.cursor},b=${b1.cursor}`;
  const stream = await StreamClient.open(t, `${url}/events?channel=a&channel=b&after=${after}`);
  await stream.receives("a2");
  for (const block of stream.blocks.filter((each) => each.startsWith("id: "))) {
    assert.match(block, /^id: .*b=/);
  }
});

test("[SSE-8] each closed channel ends by itself, and the stream when all have", async (t) => {
  const { holdfast, url } = await startNode(t);
  const stream = await StreamClient.open(t, `${url}/events?channel=a&channel=b`);
  await until(() => holdfast.stats().readers === 2);
  await post(`${url}/channels/a/close`, "");
  await stream.receives('event: end\ndata: {"channel":"a"');
  await holdfast.publish("b", "still");
  await stream.receives("still");
  assert.equal(stream.isOver, false);
  await post(`${url}/channels/b/close`, "");
  await stream.ends();
  assert.match(stream.text, /event: end\ndata: \{"channel":"b"/);
  const over = await call(`${url}/events?channel=a&channel=b`, { headers: { Accept: "text/event-stream" } });
  assert.equal(over.status, 204);
});

test("[SSE-8] [JSON-5] what /events cannot read is refused before the stream begins", async (t) => {
  const { holdfast, url } = await startNode(t);
  const many = [...Array(51).keys()].map((n) => `channel=c${n}`).join("&");
  for (const [query, code] of [
    ["", "bad_parameter"],
    ["?channel=a&channel=a", "bad_parameter"],
    ["?channel=a&limit=3", "bad_parameter"],
    ["?channel=a&after=a=k-1&after=a=k-2", "bad_parameter"],
    [`?${many}`, "bad_parameter"],
    ["?channel=a%20b", "bad_channel"],
    ["?channel=a&after=k-1", "bad_cursor"],
    ["?channel=a&after=a=k-1,a=k-2", "bad_cursor"],
  ]) {
    const { status, json } = await call(`${url}/events${query}`, {
      headers: { Accept: "text/event-stream" },
    });
    assert.deepEqual([status, json.code], [400, code], String(query));
  }
  const json = await call(`${url}/events?channel=a`, { headers: { Accept: "application/json" } });
  assert.equal(json.json.code, "not_acceptable");
  const most = await StreamClient.open(t, `${url}/events?${many.replace(/&channel=c50$/, "")}`);
  await until(() => holdfast.stats().readers === 50);
  most.leave();
});

test("[JSON-5] a stream refuses the parameters of a page", async (t) => {
  const { url } = await startNode(t);
  for (const query of ["limit=1", "wait=1", "colour=red"]) {
    const { json } = await call(`${url}/channels/a?${query}`, { headers: { Accept: "text/event-stream" } });
    assert.equal(json.code, "bad_parameter", query);
  }
});

test("[READ-3] [ORD-1] a long history arrives in pages, whole and in order, while new events are published", async (t) => {
  const { holdfast, url } = await startNode(t, {
    limits: { pageEventsMax: 50, pageEventsDefault: 50 },
    namespaces: { "": { tailEventsMax: 10 } },
  });
  for (let n = 0; n < 1000; n++) await holdfast.publish("a", n);
  const stream = await StreamClient.open(t, `${url}/channels/a?after=oldest`);
  for (let n = 1000; n < 1100; n++) await holdfast.publish("a", n);
  await stream.receives("data: 1099\n");
  const seen = [...stream.text.matchAll(/data: (\d+)/g)].map(([, n]) => Number(n));
  assert.deepEqual(seen, [...Array(1100).keys()]);
});

test("[BND-1] clients that leave, politely or not, leave nothing behind", async (t) => {
  const { holdfast, url, port } = await startNode(t);
  const polite = await StreamClient.open(t, `${url}/channels/a`);
  const rude = new RawClient(t, port).send(
    "GET /events?channel=a&channel=b HTTP/1.1",
    "Host: localhost",
    "Accept: text/event-stream",
    "",
    "",
  );
  await rude.receives("id: ");
  await until(() => holdfast.stats().readers === 3);
  rude.socket.resetAndDestroy();
  polite.leave();
  await forgotten(holdfast);
});

test("[SSE-1] HTTP/1.0, which has no chunks, can read a stream as well", async (t) => {
  const { holdfast, port } = await startNode(t);
  const client = new RawClient(t, port).send("GET /channels/a HTTP/1.0", "Accept: text/event-stream", "", "");
  await client.receives("id: ");
  await holdfast.publish("a", "hello");
  await client.receives('data: "hello"\n\n');
  assert.doesNotMatch(client.received, /Transfer-Encoding/i);
  client.socket.end();
  await once(client.socket, "close");
});
