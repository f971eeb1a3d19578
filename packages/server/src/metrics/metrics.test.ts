import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Family, lintExposition, parseExposition, sumOf } from "@holdfast/testkit";
import {
  call,
  faultyBroker,
  post,
  RawClient,
  type Rig,
  SocketClient,
  StreamClient,
  startNode,
  until,
} from "../rig.test.ts";

type Families = ReadonlyMap<string, Family>;

async function scrape({ url }: Pick<Rig, "url">): Promise<Families> {
  const { status, text, headers } = await call(`${url}/metrics`);
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  return parseExposition(text);
}

/** Resolves with what is told once it says so. */
async function scrapeUntil(rig: Rig, condition: (families: Families) => boolean): Promise<Families> {
  for (;;) {
    const families = await scrape(rig);
    if (condition(families)) return families;
  }
}

const hello = (...subscriptions: unknown[]) => ({ type: "hello", subscriptions });

/** A connection of every kind, all of which read the channel "a" and have nothing left to read. */
async function everyTransport(t: TestContext, { url, holdfast }: Rig) {
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello({ channel: "a" }));
  await socket.message(1);
  const plain = await SocketClient.open(t, `${url}/channels/a`);
  await plain.message(0);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives("id: ");
  const page = call(`${url}/channels/a?wait=60&after=latest`);
  const answer = post(`${url}/connect?wait=60`, JSON.stringify(hello({ channel: "a" })));
  await until(() => holdfast.stats().waiters === 1 && holdfast.stats().sessions === 4);
  return { socket, plain, stream, page, answer };
}

test("[SEE-1] what is told is what Prometheus takes, from the first scrape on", async (t) => {
  const rig = await startNode(t);
  assert.deepEqual(lintExposition(await scrape(rig)), []);
  await everyTransport(t, rig);
  await rig.holdfast.publish("a", 1);
  assert.deepEqual(lintExposition(await scrape(rig)), []);
  assert.equal((await call(`${rig.url}/metrics?all=1`)).json.code, "bad_parameter");
});

test("[SEE-1] connections are told by transport and age, sessions by state, and readers", async (t) => {
  const rig = await startNode(t);
  await everyTransport(t, rig);
  const young = (families: Families, transport: string) =>
    sumOf(families, "holdfast_connections", { transport, age: "<1m" });
  const families = await scrape(rig);
  assert.deepEqual(
    ["websocket", "sse", "long-poll"].map((transport) => young(families, transport)),
    [2, 1, 2],
  );
  assert.equal(sumOf(families, "holdfast_connections"), 5);
  assert.equal(sumOf(families, "holdfast_sessions", { state: "live" }), 4);
  assert.equal(sumOf(families, "holdfast_readers"), 5);
  const silent = await SocketClient.open(t, `${rig.url}/connect`);
  await scrapeUntil(rig, (now) => sumOf(now, "holdfast_sessions", { state: "greeting" }) === 1);
  silent.socket.terminate();
});

test("[SEE-1] what goes out and comes in is counted, by transport, in messages and bytes", async (t) => {
  const rig = await startNode(t);
  const { socket, plain, stream, page, answer } = await everyTransport(t, rig);
  const before = await scrape(rig);
  const event = JSON.stringify({
    type: "publish",
    ref: 1,
    channel: "a",
    events: [{ data: "from a client" }],
  });
  socket.socket.send(event);
  await until(() => socket.messages.length === 4 && plain.messages.length === 2);
  await stream.receives("from a client");
  const [held, heldMessages] = await Promise.all([page, answer]);
  const after = await scrape(rig);
  const grown = (name: string, transport: string) =>
    sumOf(after, name, { transport }) - sumOf(before, name, { transport });
  assert.deepEqual(
    [
      grown("holdfast_received_messages_total", "websocket"),
      grown("holdfast_received_bytes_total", "websocket"),
    ],
    [1, event.length],
  );
  // Its own event and the acknowledgement, and the event on the channel's own WebSocket.
  assert.equal(grown("holdfast_sent_messages_total", "websocket"), 3);
  assert.equal(grown("holdfast_sent_messages_total", "sse"), 1);
  assert.ok(grown("holdfast_sent_bytes_total", "websocket") > 3 * "from a client".length);
  assert.equal(grown("holdfast_sent_messages_total", "long-poll"), 2);
  assert.equal(grown("holdfast_sent_bytes_total", "long-poll"), held.text.length + heldMessages.text.length);
  assert.equal(sumOf(after, "holdfast_page_events_total") - sumOf(before, "holdfast_page_events_total"), 1);
  const body = '{"posted":true}';
  await post(`${rig.url}/channels/b`, body);
  const { samples } = (await scrape(rig)).get("holdfast_received_bytes_total") ?? assert.fail();
  const received = samples.find(({ labels }) => labels["transport"] === "request")?.value;
  assert.equal(
    received,
    sumOf(after, "holdfast_received_bytes_total", { transport: "request" }) + body.length,
  );
});

test("[SEE-1] a batch is counted for every reader, and its lag once", async (t) => {
  const rig = await startNode(t);
  const streams = await Promise.all(
    Array.from({ length: 20 }, () => StreamClient.open(t, `${rig.url}/channels/a`)),
  );
  for (const stream of streams) await stream.receives("id: ");
  for (const data of [1, 2, 3]) {
    await rig.holdfast.publish("a", { data });
    for (const stream of streams) await stream.receives(`{"data":${data}}`);
  }
  const families = await scrape(rig);
  assert.equal(sumOf(families, "holdfast_delivered_events_total"), 60);
  assert.equal(sumOf(families, "holdfast_delivered_batches_total"), 60);
  assert.equal(sumOf(families, "holdfast_delivery_lag_seconds_count"), 3);
  assert.equal(sumOf(families, "holdfast_delivery_lag_seconds_bucket", { le: "+Inf" }), 3);
});

for (const face of ["websocket", "sse"] as const) {
  test(`[SEE-1] [GAP-1] what a reader finds again, and what it does not, is counted on ${face}`, async (t) => {
    const rig = await startNode(t, { namespaces: { "": { retention: { eventsMax: 2 } } } });
    const { cursor: first } = await rig.holdfast.publish("a", 1);
    const { cursor: second } = await rig.holdfast.publish("a", 2);
    await rig.holdfast.publish("a", 3);
    await rig.holdfast.publish("a", 4);
    const resume = async (after: string, last: string) => {
      if (face === "sse") {
        const stream = await StreamClient.open(t, `${rig.url}/channels/a?after=${after}`);
        await stream.receives(`data: ${last}`);
        return;
      }
      const socket = await SocketClient.open(t, `${rig.url}/connect`);
      socket.say(hello({ channel: "a", after }));
      await until(() => socket.messages.at(-1)?.events?.at(-1)?.data === Number(last));
    };
    await resume(second, "4");
    await resume(first, "4");
    await resume("gone-7", "4");
    await resume("oldest", "4");
    const families = await scrape(rig);
    const told = (name: string, label: string, value: string) =>
      sumOf(families, name, { transport: face, [label]: value });
    assert.deepEqual(
      ["resumed", "expired", "epoch"].map((outcome) => told("holdfast_resumes_total", "outcome", outcome)),
      [1, 1, 1],
    );
    assert.equal(sumOf(families, "holdfast_resumes_total"), 3);
    assert.deepEqual(
      ["expired", "epoch"].map((reason) => told("holdfast_gaps_total", "reason", reason)),
      [1, 1],
    );
    await call(`${rig.url}/channels/a?after=${first}`);
    assert.equal(
      sumOf(await scrape(rig), "holdfast_gaps_total", { transport: "request", reason: "expired" }),
      1,
    );
  });
}

test("[SEE-1] [BND-1] a client that takes nothing shows as full, its reader as lagging, its bytes as unsent", async (t) => {
  const rig = await startNode(t);
  const { url, port, holdfast } = rig;
  const other = await StreamClient.open(t, `${url}/channels/a`);
  await other.receives("id: ");
  const stuck = new RawClient(t, port);
  stuck.send("GET /channels/a HTTP/1.1", "Host: localhost", "Accept: text/event-stream", "", "");
  await stuck.receives("id: ");
  stuck.socket.pause();
  const data = "x".repeat(200_000);
  const families = await scrapeUntil(rig, (now) => {
    void holdfast.publish("a", data);
    return sumOf(now, "holdfast_sessions", { state: "full" }) === 1;
  });
  assert.ok(sumOf(families, "holdfast_unsent_bytes") > 0);
  assert.equal(sumOf(families, "holdfast_readers"), 2);
  await scrapeUntil(rig, (now) => sumOf(now, "holdfast_readers_lagging") === 1);
  stuck.socket.resume();
  await scrapeUntil(rig, (now) => sumOf(now, "holdfast_readers_lagging") === 0);
});

test("[SEE-1] publishes are told by outcome, and calls to the broker by operation, outcome and time", async (t) => {
  const { broker, faults } = faultyBroker();
  const rig = await startNode(t, { broker });
  const { url } = rig;
  const headers = { "Idempotency-Key": "once" };
  await post(`${url}/channels/a`, '"12345"', headers);
  await post(`${url}/channels/a`, '"12345"', headers);
  assert.equal((await post(`${url}/channels/a`, "2", { "If-Match": '"gone-1"' })).status, 412);
  faults.set("append", "fail");
  assert.equal((await post(`${url}/channels/a`, "3")).status, 503);
  const gate = Promise.withResolvers<void>();
  faults.set("append", gate.promise);
  const waiting = post(`${url}/channels/a`, "4");
  const families = await scrapeUntil(
    rig,
    (now) => sumOf(now, "holdfast_broker_calls_in_flight", { operation: "append" }) >= 1,
  );
  const publishes = (outcome: string) => sumOf(families, "holdfast_publishes_total", { outcome });
  assert.deepEqual(
    ["appended", "duplicate", "precondition_failed", "broker_unavailable"].map(publishes),
    [1, 1, 1, 1],
  );
  assert.equal(sumOf(families, "holdfast_published_events_total"), 1);
  assert.equal(sumOf(families, "holdfast_published_bytes_total"), 7);
  const appends = { operation: "append" };
  assert.ok(sumOf(families, "holdfast_broker_calls_total", { ...appends, outcome: "ok" }) >= 2);
  assert.ok(
    sumOf(families, "holdfast_broker_calls_total", { ...appends, outcome: "broker_unavailable" }) >= 1,
  );
  assert.equal(
    sumOf(families, "holdfast_broker_call_duration_seconds_count", appends),
    sumOf(families, "holdfast_broker_calls_total", appends),
  );
  // Nothing that is published is delivered meanwhile, so the node is not ready.
  assert.equal(sumOf(families, "holdfast_ready"), 0);
  gate.resolve();
  assert.equal((await waiting).status, 201);
  faults.clear();
  await scrapeUntil(rig, (now) => sumOf(now, "holdfast_ready") === 1);
});

test("[SEE-1] [ERR-1] errors are told by code, requests by path and status, ends by reason", async (t) => {
  const rig = await startNode(t);
  const { url, port, holdfast } = rig;
  await call(`${url}/channels/a?after=never`);
  await call(`${url}/nowhere/${"x".repeat(50)}`);
  await call(`${url}/channels/a/nothing`);
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello());
  socket.say({ type: "unsubscribe", channels: ["never"] });
  await socket.message(1);
  assert.equal((await SocketClient.refused(`${url}/channels/a`, { protocols: ["other"] })).status, 400);
  const raw = new RawClient(t, port).send("NOT HTTP", "", "");
  await raw.closes();
  const stream = await StreamClient.open(t, `${url}/channels/b`);
  await stream.receives("id: ");
  await holdfast.closeChannel("b");
  await stream.ends();
  socket.socket.close();
  const families = await scrapeUntil(rig, (now) => sumOf(now, "holdfast_connections_closed_total") === 2);
  const errors = (transport: string, code: string) =>
    sumOf(families, "holdfast_errors_total", { transport, code });
  assert.deepEqual(
    [
      errors("request", "bad_cursor"),
      errors("request", "not_found"),
      errors("websocket", "not_subscribed"),
      errors("websocket", "unsupported_subprotocol"),
      errors("request", "bad_request"),
    ],
    [1, 2, 1, 1, 1],
  );
  const requests = (route: string, status: string) =>
    sumOf(families, "holdfast_requests_total", { route, status });
  assert.deepEqual(
    [
      requests("/channels/{channel}", "400"),
      requests("/channels/{channel}", "200"),
      requests("/connect", "101"),
      requests("other", "404"),
    ],
    [2, 1, 1, 2],
  );
  const closed = (transport: string, reason: string) =>
    sumOf(families, "holdfast_connections_closed_total", { transport, reason });
  assert.deepEqual([closed("sse", "ended"), closed("websocket", "client")], [1, 1]);
});

test("[SEE-1] several nodes in one process count apart", async (t) => {
  const one = await startNode(t);
  const other = await startNode(t);
  await one.holdfast.publish("a", 1);
  assert.equal(sumOf(await scrape(one), "holdfast_published_events_total"), 1);
  assert.equal(sumOf(await scrape(other), "holdfast_published_events_total"), 0);
});

test("[SEE-2] [HTTP-3] where the node authenticates, metrics and stats take admin on everything; health takes nothing", async (t) => {
  const { url } = await startNode(t, {
    authenticate: (token) => (token === undefined ? null : { user: token }),
    authorize: ({ user }, action, channel) => user === "operator" && action === "admin" && channel === "**",
  });
  const as = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });
  for (const path of ["/metrics", "/stats"]) {
    assert.deepEqual(await outcome(call(url + path)), [401, "unauthenticated"]);
    assert.deepEqual(await outcome(call(url + path, as("ada"))), [403, "forbidden"]);
    assert.equal((await call(url + path, as("operator"))).status, 200);
  }
  assert.equal((await call(`${url}/health/live`)).status, 200);
  assert.equal((await call(`${url}/health/ready`)).status, 200);
});

test("[SEE-1] [AUTH-2] credentials are told by what they were, and how they came", async (t) => {
  const rig = await startNode(t, {
    authenticate: (token) => (token === "good" ? { user: "ada" } : null),
    authorize: (_, action) => action === "read",
  });
  const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });
  await call(`${rig.url}/channels/a`, bearer("good"));
  await call(`${rig.url}/channels/a`, bearer("bad"));
  await call(`${rig.url}/channels/a`);
  const socket = await SocketClient.open(t, `${rig.url}/connect`);
  socket.say({ ...hello(), token: "good" });
  await socket.message(0);
  const families = parseExposition(await rig.holdfast.metrics());
  const checked = (result: string, carrier: string) =>
    sumOf(families, "holdfast_authentications_total", { outcome: result, carrier });
  assert.deepEqual(
    [
      checked("accepted", "header"),
      checked("invalid", "header"),
      checked("missing", "none"),
      checked("accepted", "message"),
    ],
    [1, 1, 1, 1],
  );
});

test("[SEE-1] [BND-2] a refusal counts under the limit that was its reason", async (t) => {
  const rig = await startNode(t, {
    limits: { connectionsMax: 1, subscriptionsMax: 1, streamChannelsMax: 1 },
  });
  const socket = await SocketClient.open(t, `${rig.url}/connect`);
  socket.say(hello({ channel: "a" }, { channel: "b" }));
  await until(() => socket.messages.some(({ code }) => code === "too_many_subscriptions"));
  const families = parseExposition(await rig.holdfast.metrics());
  assert.equal(sumOf(families, "holdfast_refusals_total", { limit: "subscriptionsMax" }), 1);
  const { refusals } = await rig.holdfast.report();
  assert.equal(refusals["subscriptionsMax"], 1);
});

async function outcome(answer: ReturnType<typeof call>): Promise<[number, string]> {
  const { status, json } = await answer;
  return [status, json.code];
}
