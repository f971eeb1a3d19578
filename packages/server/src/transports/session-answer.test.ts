import assert from "node:assert/strict";
import { test } from "node:test";
import { call, faultyBroker, forgotten, post, StreamClient, startNode, until } from "../rig.test.ts";

const hello = (...subscriptions: unknown[]) => JSON.stringify({ type: "hello", subscriptions });

test("[SES-2] [SES-3] [READ-1] a poll says welcome, where reading starts, and what there is", async (t) => {
  const { holdfast, url } = await startNode(t);
  const first = await holdfast.publish("a", 1);
  await holdfast.publish("a", 2);
  const { status, headers, json } = await post(
    `${url}/connect`,
    hello({ channel: "a", after: first.cursor }, { channel: "b" }),
  );
  assert.deepEqual([status, headers.get("cache-control")], [200, "no-store"]);
  assert.equal(json.messages[0].type, "welcome");
  assert.deepEqual(
    json.messages
      .slice(1)
      .map((message: { type: string; channel: string }) => `${message.type} ${message.channel}`)
      .sort(),
    ["events a", "subscribed a", "subscribed b"],
  );
  const events = json.messages.find((message: { type: string }) => message.type === "events");
  assert.deepEqual([events.from, events.events.length, json.more], [first.cursor, 1, false]);
  await forgotten(holdfast);
});

test("[SES-6] `more` says that asking again at once would bring more, until all is read", async (t) => {
  const { holdfast, url } = await startNode(t, {
    limits: { pageEventsMax: 10, pageEventsDefault: 10, pageBytesMax: 100 },
    namespaces: { "": { tailEventsMax: 5 } },
  });
  for (let n = 0; n < 95; n++) await holdfast.publish("a", n);
  const seen: number[] = [];
  let after = "oldest";
  for (let more = true; more; ) {
    const { json } = await post(`${url}/connect`, hello({ channel: "a", after }));
    const before = seen.length;
    for (const message of json.messages) {
      if (message.type !== "events") continue;
      seen.push(...message.events.map((event: { data: number }) => event.data));
      after = message.to;
    }
    more = json.more;
    assert.ok(seen.length > before || !more, "each answer brings something, or is the last");
  }
  assert.deepEqual(seen, [...Array(95).keys()]);
});

test("[SES-6] with wait the answer is held until there are events", async (t) => {
  const { holdfast, url } = await startNode(t);
  const held = post(`${url}/connect?wait=60`, hello({ channel: "a" }, { channel: "b" }));
  await until(() => holdfast.stats().readers === 2);
  await holdfast.publish("b", "now");
  const { json } = await held;
  assert.equal(json.messages.at(-1).events[0].data, "now");
  assert.equal(json.more, false);
});

test("[SES-6] [END-1] a gap, an end and an error are answered at once as well", async (t) => {
  const { holdfast, url } = await startNode(t);
  for (const [subscription, type] of [
    [{ channel: "a", after: "zz-1" }, "gap"],
    [{ channel: "no good" }, "error"],
  ] as const) {
    const { json } = await post(`${url}/connect?wait=60`, hello(subscription, { channel: "idle" }));
    assert.ok(json.messages.some((message: { type: string }) => message.type === type));
  }
  const held = post(`${url}/connect?wait=60`, hello({ channel: "a" }));
  await until(() => holdfast.stats().readers === 1);
  await post(`${url}/channels/a/close`, "");
  assert.equal((await held).json.messages.at(-1).type, "end");
});

test("[SES-6] at the deadline the answer holds the positions alone", async (t) => {
  const { url } = await startNode(t);
  const { json } = await post(`${url}/connect?wait=0.05`, hello({ channel: "a" }));
  assert.deepEqual(
    json.messages.map(({ type }: { type: string }) => type),
    ["welcome", "subscribed"],
  );
  assert.equal(json.more, false);
});

test("[SES-6] what happens in the same tick is taken along", async (t) => {
  const { holdfast, url } = await startNode(t);
  const held = post(`${url}/connect?wait=60`, hello({ channel: "a" }, { channel: "b" }));
  await until(() => holdfast.stats().readers === 2);
  await Promise.all([holdfast.publish("a", 1), holdfast.publish("b", 2), holdfast.publish("a", 3)]);
  const { json } = await held;
  assert.deepEqual(
    json.messages
      .slice(3)
      .flatMap(({ events }: { events: { data: number }[] }) => events.map(({ data }) => data))
      .sort(),
    [1, 2, 3],
  );
});

test("[SES-3] [BND-1] a client that leaves while its answer is held leaves nothing behind", async (t) => {
  const { holdfast, url } = await startNode(t);
  const leaving = new AbortController();
  const held = fetch(`${url}/connect?wait=60`, {
    method: "POST",
    body: hello({ channel: "a" }),
    headers: { "Content-Type": "application/json" },
    signal: leaving.signal,
  });
  await until(() => holdfast.stats().readers === 1);
  leaving.abort();
  await assert.rejects(held);
  await forgotten(holdfast);
});

test("[SES-1] [SES-3] [SES-4] over HTTP the body is hello, and anything else is refused by status", async (t) => {
  const { url } = await startNode(t);
  for (const accept of ["application/json", "text/event-stream"]) {
    for (const [body, code] of [
      ['{"type":"ping"}', "bad_message"],
      ['{"type":"dance"}', "bad_message"],
      ['{"type":"hello","instance":"short"}', "bad_message"],
      ["{", "bad_json"],
      ["", "bad_json"],
      [Uint8Array.of(34, 0xff, 34), "bad_utf8"],
    ] as const) {
      const { status, json } = await post(`${url}/connect`, body, { Accept: accept });
      assert.deepEqual([status, json.code], [400, code], `${accept} ${body}`);
    }
  }
  assert.equal((await post(`${url}/connect`, hello(), { "Content-Type": "text/plain" })).status, 415);
  assert.equal((await post(`${url}/connect?wait=61`, hello())).json.code, "bad_parameter");
  assert.equal((await post(`${url}/connect`, hello(), { Accept: "image/png" })).status, 406);
  const stream = await post(`${url}/connect?wait=1`, hello(), { Accept: "text/event-stream" });
  assert.equal(stream.json.code, "bad_parameter");
});

test("[SES-2] [SSE-7] as an event stream, welcome leaves at once, before the log has answered", async (t) => {
  const { broker, faults } = faultyBroker();
  const { url } = await startNode(t, { broker });
  faults.set("follow", "hang");
  const stream = await StreamClient.open(t, `${url}/connect`, {
    body: { type: "hello", subscriptions: [{ channel: "a" }] },
  });
  await stream.receives("welcome");
  const { headers } = stream.response;
  assert.deepEqual(
    [headers["content-type"], headers["cache-control"], headers["x-accel-buffering"]],
    ["text/event-stream", "no-store, no-transform", "no"],
  );
});

test("[SES-3] [DUP-1] [BEAT-1] an event stream carries the messages of the session, one a block", async (t) => {
  const { holdfast, url } = await startNode(t, { limits: { heartbeatMs: 100 } });
  const stream = await StreamClient.open(t, `${url}/connect`, {
    body: { type: "hello", subscriptions: [{ channel: "a" }, { channel: "no good" }] },
  });
  await until(() => holdfast.stats().readers === 1);
  const { cursor } = await holdfast.publish("a", "line\nbreak");
  await until(() => stream.messages.some(({ heads }) => heads?.a === cursor));
  const types = stream.messages.map(({ type }) => type);
  assert.deepEqual(types.slice(0, 3).sort(), ["error", "subscribed", "welcome"]);
  const events = stream.messages.find(({ type }) => type === "events");
  assert.deepEqual([events.to, events.events[0].data], [cursor, "line\nbreak"]);
  stream.leave();
  await forgotten(holdfast);
});

test("[SES-6] [BND-2] a log that does not answer is told within the broker's deadline", async (t) => {
  const { broker, faults } = faultyBroker();
  const { holdfast, url } = await startNode(t, { broker, brokerDeadlineMs: 100 });
  faults.set("follow", "hang");
  const { json } = await post(`${url}/connect?wait=60`, hello({ channel: "a" }));
  assert.deepEqual([json.messages[1].code, json.messages[1].retry], ["broker_unavailable", "retry"]);
  faults.clear();
  await holdfast.publish("a", 1);
  assert.equal((await call(`${url}/channels/a`)).json.events.length, 1);
});
