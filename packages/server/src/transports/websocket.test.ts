import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@holdfast/protocol";
import { call, faultyBroker, forgotten, post, SocketClient, settled, startNode, until } from "../rig.test.ts";

const hello = (...subscriptions: unknown[]) => ({ type: "hello", subscriptions });

test("[WSP-1] [READ-1] the position comes first, then each event as one message", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("a", 1);
  const client = await SocketClient.open(t, `${url}/channels/a`);
  assert.deepEqual(await client.message(0), { control: "subscribed", channel: "a", cursor, head: cursor });
  const second = await holdfast.publish("a", { two: 2 }, { type: "t", key: "k" });
  const event = await client.message(1);
  assert.deepEqual(event, { cursor: second.cursor, at: second.at, data: { two: 2 }, type: "t", key: "k" });
});

test("[WSP-1] the position comes first, however early the client publishes, and whatever that is", async (t) => {
  const { broker, faults } = faultyBroker();
  const { url } = await startNode(t, { broker });
  const gate = Promise.withResolvers<void>();
  faults.set("follow", gate.promise);
  const client = await SocketClient.open(t, `${url}/channels/a`);
  client.socket.send("no JSON");
  client.socket.send("1");
  await settled(() => client.socket.bufferedAmount);
  gate.resolve();
  await until(() => client.messages.length === 4 || client.closed !== undefined);
  assert.deepEqual(
    client.messages.map(({ control, data }) => control ?? data).filter((one) => one !== 1),
    ["subscribed", "error", "published"],
  );
  assert.equal(client.messages[0].control, "subscribed");
});

test("[WSP-1] [ERR-1] [LIM-4] a channel that cannot be read is told in band, and closed with the outcome", async (t) => {
  const { broker, faults } = faultyBroker();
  const { holdfast, url } = await startNode(t, { broker });
  faults.set("follow", "fail");
  const client = await SocketClient.open(t, `${url}/channels/a`);
  const { code, reason } = await client.closes();
  assert.equal(code, 1013);
  assert.match(reason, /^broker_unavailable; retry-after-ms=[1-5]\d{3}$/);
  assert.deepEqual(
    client.messages.map(({ control, code, retry }) => [control, code, retry]),
    [["error", "broker_unavailable", "retry"]],
  );
  await forgotten(holdfast);
});

test("[WSP-1] [GAP-1] [END-1] gap and end are told with what they say in the session protocol", async (t) => {
  const { holdfast, url } = await startNode(t, { namespaces: { "": { retention: { eventsMax: 1 } } } });
  await holdfast.publish("a", 1);
  const { cursor } = await holdfast.publish("a", 2);
  await post(`${url}/channels/a/close`, "");
  const epoch = cursor.split("-")[0];
  const client = await SocketClient.open(t, `${url}/channels/a?after=${epoch}-0`);
  const closed = await client.closes();
  assert.deepEqual(
    client.messages.map((message) => message.control ?? message.data),
    ["subscribed", "gap", 2, "end"],
  );
  assert.deepEqual(client.messages[1], {
    control: "gap",
    channel: "a",
    from: `${epoch}-0`,
    to: `${epoch}-1`,
    reason: "expired",
  });
  assert.deepEqual(client.messages[3], { control: "end", channel: "a", cursor });
  assert.deepEqual(closed, { code: 1000, reason: "ended" });
  await forgotten(holdfast);
});

test("[WSP-2] [EVT-1] [ACK-4] what the client sends is published, and answered in order", async (t) => {
  const { url } = await startNode(t);
  const client = await SocketClient.open(t, `${url}/channels/a`);
  await client.message(0);
  client.socket.send('{"n":1.0}');
  client.socket.send("no JSON");
  client.socket.send(Uint8Array.of(0, 1));
  await until(() => client.messages.filter((message) => message.control !== undefined).length === 4);
  const answers = client.messages.filter((message) => message.control !== undefined).slice(1);
  assert.deepEqual(
    answers.map((answer) => [answer.control, answer.code]),
    [
      ["published", undefined],
      ["error", "bad_json"],
      ["published", undefined],
    ],
  );
  const page = await call(`${url}/channels/a`);
  assert.deepEqual(
    page.json.events.map((event: { cursor: string; at: number }) => [event.cursor, event.at, false]),
    [answers[0], answers[2]].map(({ cursor, at, duplicate }) => [cursor, at, duplicate]),
  );
  assert.match(page.text, /"data":\{"n":1\.0\}.*"data":"AAE=","encoding":"base64"/);
});

test("[WSP-2] with ?format=text a text message is published as text", async (t) => {
  const { url } = await startNode(t);
  const client = await SocketClient.open(t, `${url}/channels/a?format=text`);
  client.socket.send("no JSON");
  await until(() => client.messages.some((message) => message.control === "published"));
  const [event] = (await call(`${url}/channels/a`)).json.events;
  assert.deepEqual([event.data, event.encoding], ["no JSON", "text"]);
  assert.equal((await SocketClient.refused(`${url}/channels/a?format=xml`)).code, "bad_parameter");
});

test("[WSP-3] the server pings at every heartbeat, and closes a connection that gives no sign of life", async (t) => {
  // Server and clients share this process: a beat must be longer than it may be kept from running.
  const { holdfast, url } = await startNode(t, { limits: { heartbeatMs: 300 } });
  const alive = await SocketClient.open(t, `${url}/channels/a`);
  const silent = await SocketClient.open(t, `${url}/channels/a`, { autoPong: false });
  assert.deepEqual(await silent.closes(), { code: 4408, reason: "timed_out" });
  assert.ok(silent.pings >= 1);
  await until(() => alive.pings >= 4 || alive.closed !== undefined);
  assert.equal(alive.closed, undefined);
  assert.equal(holdfast.stats().sessions, 1);
});

test("[WSP-4] [SES-5] a subprotocol that is not spoken is refused before the upgrade", async (t) => {
  const { url } = await startNode(t);
  for (const [path, protocols] of [
    ["/channels/a", ["holdfast.v1.json"]],
    ["/connect", ["holdfast.v2.json"]],
    ["/connect", ["graphql-ws", "soap"]],
  ] as const) {
    const refused = await SocketClient.refused(`${url}${path}`, { protocols: [...protocols] });
    assert.deepEqual(refused, { status: 400, code: "unsupported_subprotocol" });
  }
  const chosen = await SocketClient.open(t, `${url}/connect`, { protocols: ["soap", "holdfast.v1.json"] });
  assert.equal(chosen.socket.protocol, "holdfast.v1.json");
  const none = await SocketClient.open(t, `${url}/connect`);
  assert.equal(none.socket.protocol, "");
  none.say(hello());
  assert.equal((await none.message(0)).type, "welcome");
});

test("[SES-1] [SES-2] hello is answered by welcome at once, before the log has answered", async (t) => {
  const { broker, faults } = faultyBroker();
  const { url } = await startNode(t, { broker });
  faults.set("follow", "hang");
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(hello({ channel: "a" }));
  const welcome = await client.message(0);
  assert.deepEqual(
    [welcome.type, welcome.protocol, welcome.heartbeatMs],
    ["welcome", 1, defaultLimits.heartbeatMs],
  );
  assert.deepEqual(welcome.limits, {
    messageBytesMax: defaultLimits.messageBytesMax,
    subscriptionsMax: defaultLimits.subscriptionsMax,
    publishEventsMax: defaultLimits.publishEventsMax,
  });
  faults.clear();
  client.say({ type: "subscribe", subscriptions: [{ channel: "b" }] });
  const { type, channel } = await client.message(1);
  assert.deepEqual([type, channel], ["subscribed", "b"]);
});

test("[SES-1] anything before hello, and a second one, close the connection; none at all is 4408", async (t) => {
  const { holdfast, url } = await startNode(t, { limits: { helloTimeoutMs: 200 } });
  const early = await SocketClient.open(t, `${url}/connect`);
  early.say({ type: "ping" });
  assert.deepEqual(await early.closes(), { code: 4400, reason: "bad_message" });
  const twice = await SocketClient.open(t, `${url}/connect`);
  twice.say(hello());
  twice.say(hello());
  assert.deepEqual(await twice.closes(), { code: 4400, reason: "bad_message" });
  assert.equal(twice.messages.at(-1).code, "bad_message");
  const mute = await SocketClient.open(t, `${url}/connect`);
  assert.deepEqual(await mute.closes(), { code: 4408, reason: "timed_out" });
  await forgotten(holdfast);
});

test("[SES-4] [SES-7] what cannot be understood is refused, and disturbs nothing else", async (t) => {
  const { holdfast, url } = await startNode(t);
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(hello({ channel: "a" }));
  await client.message(1);
  client.say({ type: "dance" });
  client.socket.send("{");
  client.socket.send(Uint8Array.of(1, 2));
  client.say({ type: "publish", ref: 7, channel: "a b", events: [{ data: 1 }] });
  client.say({ type: "unsubscribe", channels: ["other"] });
  client.say({ type: "ping" });
  await until(() => client.messages.some(({ type }) => type === "pong"));
  assert.deepEqual(
    client.messages.slice(2).map(({ type, code, ref, channel }) => [type, code, ref ?? channel]),
    [
      ["error", "unknown_message", undefined],
      ["error", "bad_json", undefined],
      ["error", "bad_json", undefined],
      ["error", "bad_channel", 7],
      ["error", "not_subscribed", "other"],
      ["pong", undefined, undefined],
    ],
  );
  await holdfast.publish("a", "still here");
  assert.equal((await client.message(8)).type, "events");
});

test("[SES-4] a hello that cannot be understood ends the connection", async (t) => {
  const { url } = await startNode(t);
  for (const [first, code] of [
    ["{", "bad_json"],
    ['{"type":"hello","subscriptions":7}', "bad_message"],
    [Uint8Array.of(1), "bad_json"],
  ] as const) {
    const client = await SocketClient.open(t, `${url}/connect`);
    client.socket.send(first);
    assert.deepEqual(await client.closes(), { code: 4400, reason: code });
  }
});

test("[SUB-1] [SUB-2] [SUB-4] [ORD-1] many channels share one connection, each in its own order", async (t) => {
  const { holdfast, url } = await startNode(t);
  for (let n = 0; n < 3; n++) await holdfast.publish("b", n);
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(
    hello({ channel: "a" }, { channel: "b", after: "oldest" }, { channel: "no good" }, { channel: "a" }),
  );
  await until(() => client.messages.length >= 6);
  const about = (channel: string) => client.messages.filter((message) => message.channel === channel);
  assert.deepEqual(
    about("a").map(({ type, code }) => [type, code]),
    [
      ["error", "already_subscribed"],
      ["subscribed", undefined],
    ],
  );
  const [subscribed, events] = about("b");
  assert.deepEqual([subscribed.type, events.type, events.from], ["subscribed", "events", subscribed.cursor]);
  assert.deepEqual(
    events.events.map((event: { data: unknown }) => event.data),
    [0, 1, 2],
  );
  assert.deepEqual(
    about("no good").map(({ code }) => code),
    ["bad_channel"],
  );
  await holdfast.publish("a", "x");
  await until(() => about("a").length === 3);
  assert.equal(about("a")[2].events[0].data, "x");
});

test("[ACK-1] [ACK-4] [DUP-1] events of one tick arrive as one batch, and a publish is acknowledged on its own connection", async (t) => {
  const { url } = await startNode(t);
  const reader = await SocketClient.open(t, `${url}/connect`);
  reader.say(hello({ channel: "a" }));
  await reader.message(1);
  const writer = await SocketClient.open(t, `${url}/connect`);
  writer.say(hello());
  for (let ref = 0; ref < 5; ref++)
    writer.say({ type: "publish", ref, channel: "a", events: [{ data: ref }] });
  await until(() => writer.messages.length === 6);
  assert.deepEqual(
    writer.messages.slice(1).map(({ type, ref }) => [type, ref]),
    [0, 1, 2, 3, 4].map((ref) => ["published", ref]),
  );
  await until(() => reader.messages.slice(2).flatMap(({ events }) => events).length === 5);
  const batches = reader.messages.slice(2);
  assert.deepEqual(
    batches.flatMap(({ events }) => events.map((event: { data: number }) => event.data)),
    [0, 1, 2, 3, 4],
  );
  assert.equal(batches[0].from, reader.messages[1].cursor);
  for (const [index, { from }] of batches.slice(1).entries()) assert.equal(from, batches[index].to);
});

test("[BEAT-1] [BEAT-2] [BEAT-4] heartbeats name the head of what was sent, to a client that gives signs of life", async (t) => {
  const { holdfast, url } = await startNode(t, { limits: { heartbeatMs: 200 } });
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(hello({ channel: "a" }));
  const alive = setInterval(() => client.say({ type: "ping" }), 20);
  t.after(() => clearInterval(alive));
  await client.message(1);
  for (let n = 0; n < 3; n++) {
    const { cursor } = await holdfast.publish("a", n);
    await until(() => client.messages.some(({ type, heads }) => type === "heartbeat" && heads.a === cursor));
  }
});

test("[BEAT-4] a client of the session protocol that says nothing, not even a pong, is let go", async (t) => {
  const { holdfast, url } = await startNode(t, { limits: { heartbeatMs: 100 } });
  const client = await SocketClient.open(t, `${url}/connect`, { autoPong: false });
  client.say(hello());
  assert.deepEqual(await client.closes(), { code: 4408, reason: "timed_out" });
  await forgotten(holdfast);
});
