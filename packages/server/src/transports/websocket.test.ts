import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { defaultLimits } from "@holdfast/protocol";
import {
  call,
  faultyBroker,
  forgotten,
  post,
  RawClient,
  SocketClient,
  startNode,
  until,
} from "../rig.test.ts";

const hello = (...subscriptions: unknown[]) => ({ type: "hello", subscriptions });

/** A client's frame, masked unless told otherwise. RFC 6455 §5.2. */
function clientFrame(
  firstByte: number,
  payload: Uint8Array,
  { masked = true, length = payload.length } = {},
) {
  const mask = randomBytes(4);
  const header =
    length < 126
      ? Buffer.from([firstByte, length | (masked ? 0x80 : 0)])
      : Buffer.concat([Buffer.from([firstByte, 127 | (masked ? 0x80 : 0)]), eightBytes(length)]);
  if (!masked) return Buffer.concat([header, payload]);
  return Buffer.concat([header, mask, payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

function eightBytes(length: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return bytes;
}

function upgradeLines(path: string, ...more: string[]): string[] {
  return [
    `GET ${path} HTTP/1.1`,
    "Host: localhost",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...more,
    "",
    "",
  ];
}

test("[WSP-1] [READ-1] the position comes first, then each event as one message", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { cursor } = await holdfast.publish("a", 1);
  const client = await SocketClient.open(t, `${url}/channels/a`);
  assert.deepEqual(await client.message(0), { control: "subscribed", channel: "a", cursor, head: cursor });
  const second = await holdfast.publish("a", { two: 2 }, { type: "t", key: "k" });
  const event = await client.message(1);
  assert.deepEqual(event, { cursor: second.cursor, at: second.at, data: { two: 2 }, type: "t", key: "k" });
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
  const { holdfast, url } = await startNode(t, { limits: { heartbeatMs: 100 } });
  const alive = await SocketClient.open(t, `${url}/channels/a`);
  const silent = await SocketClient.open(t, `${url}/channels/a`, { autoPong: false });
  assert.deepEqual(await silent.closes(), { code: 4408, reason: "timed_out" });
  assert.ok(silent.pings >= 2);
  await until(() => alive.pings >= 5);
  assert.equal(alive.closed, undefined);
  assert.equal(holdfast.stats().sessions, 1);
});

test("[WSP-4] [SES-5] a subprotocol that is not spoken is refused before the upgrade", async (t) => {
  const { url } = await startNode(t);
  for (const [path, protocols] of [
    ["/channels/a", ["holdfast.v1.json"]],
    ["/connect", ["holdfast.v1.msgpack"]],
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

const greeting = Buffer.from(JSON.stringify(hello()));
for (const [what, frame, code, reason] of [
  ["an unmasked frame", clientFrame(0x81, greeting, { masked: false }), 1002, "bad_message"],
  ["a reserved bit", clientFrame(0xc1, greeting), 1002, "bad_message"],
  ["a reserved opcode", clientFrame(0x83, greeting), 1002, "bad_message"],
  ["a continuation of nothing", clientFrame(0x80, greeting), 1002, "bad_message"],
  ["a fragmented control frame", clientFrame(0x09, greeting), 1002, "bad_message"],
  ["invalid UTF-8", clientFrame(0x81, Uint8Array.of(0xc3, 0x28)), 1007, "bad_utf8"],
  ["an oversize message", clientFrame(0x81, Buffer.alloc(1001, 32)), 1009, "too_large"],
  ["a length beyond all measure", clientFrame(0x81, greeting, { length: 2 ** 60 }), 1009, "too_large"],
] as const) {
  for (const path of ["/connect", "/channels/a"]) {
    test(`[ERR-1] [ERR-2] ${what} on ${path} is closed with ${code} and ${reason}`, async (t) => {
      const { holdfast, port } = await startNode(t, {
        limits: { messageBytesMax: 1000, eventBytesMax: 1000, heartbeatMs: 200 },
      });
      const client = new RawClient(t, port).send(...upgradeLines(path));
      await client.receives("\r\n\r\n");
      client.socket.write(frame);
      await client.receives(
        `${String.fromCharCode(0x88, reason.length + 2, code >> 8, code & 255)}${reason}`,
      );
      // The handshake is not answered, and yet nothing stays.
      await forgotten(holdfast);
      await client.closes();
    });
  }
}

test("[ERR-2] a message in many small pieces is bounded like one in a single piece", async (t) => {
  const { holdfast, port } = await startNode(t, { limits: { messageBytesMax: 1000, eventBytesMax: 1000 } });
  const client = new RawClient(t, port).send(...upgradeLines("/connect"));
  await client.receives("\r\n\r\n");
  client.socket.write(clientFrame(0x01, Buffer.alloc(100, 32)));
  for (let n = 0; n < 10; n++) client.socket.write(clientFrame(0x00, Buffer.alloc(100, 32)));
  await client.receives("\x03\xf1too_large");
  await forgotten(holdfast);
});

test("[ERR-2] a closing handshake that is never answered does not keep the connection", async (t) => {
  const { holdfast, port } = await startNode(t, { limits: { heartbeatMs: 200 } });
  const client = new RawClient(t, port).send(...upgradeLines("/connect"));
  await client.receives("\r\n\r\n");
  client.socket.write(clientFrame(0x81, Buffer.from('{"type":"ping"}')));
  await client.receives("bad_message");
  assert.equal(holdfast.stats().sessions, 0);
  await client.closes();
});

test("[ERR-2] a flood of pings from a client that reads nothing is cut off", async (t) => {
  const { holdfast, port } = await startNode(t);
  const client = new RawClient(t, port).send(...upgradeLines("/channels/a"));
  await client.receives("subscribed");
  client.socket.pause();
  const pings = Buffer.concat(Array.from({ length: 2000 }, () => clientFrame(0x89, Buffer.alloc(125))));
  const flood = () => {
    if (!client.isClosed && client.socket.writable) client.socket.write(pings, flood);
  };
  flood();
  await until(() => holdfast.stats().sessions === 0);
});

for (const [what, lines, code] of [
  ["without a key", upgradeLines("/connect").filter((line) => !line.includes("-Key")), "bad_request"],
  [
    "with a version that is none",
    upgradeLines("/connect").map((line) => line.replace(": 13", ": 7")),
    "bad_request",
  ],
  ["of an illegal channel", upgradeLines("/channels/a%20b"), "bad_channel"],
  ["with an unknown parameter", upgradeLines("/channels/a?limit=3"), "bad_parameter"],
  ["from a broken cursor", upgradeLines("/channels/a?after=k"), "bad_cursor"],
  ["with parameters of no use", upgradeLines("/connect?wait=3"), "bad_parameter"],
] as const) {
  test(`[ERR-2] [WSP-1] an upgrade ${what} is refused on HTTP, and the socket let go`, async (t) => {
    const { holdfast, port } = await startNode(t);
    const client = new RawClient(t, port).send(...lines);
    assert.equal(await client.code(), code);
    assert.match(client.received, /^HTTP\/1\.1 400 Bad Request\r\n/);
    await client.closes();
    assert.equal(holdfast.stats().sessions, 0);
  });
}

test("[HTTP-2] another upgrade, or one where there is no WebSocket, is a request like any other", async (t) => {
  const { port } = await startNode(t);
  const h2c = upgradeLines("/channels/a").map((line) => line.replace("Upgrade: websocket", "Upgrade: h2c"));
  for (const lines of [h2c, upgradeLines("/health/live")]) {
    const client = new RawClient(t, port).send(...lines);
    await client.receives("HTTP/1.1 200 OK");
    client.socket.destroy();
  }
  const plain = new RawClient(t, port).send("GET /connect HTTP/1.1", "Host: localhost", "", "");
  assert.equal(await plain.code(), "method_not_allowed");
  assert.match(plain.received, /Allow: POST, OPTIONS\r\n/);
});

test("[BND-1] sockets that vanish in the middle of anything leave nothing behind", async (t) => {
  const { holdfast, port } = await startNode(t);
  const lines = upgradeLines("/connect").join("\r\n");
  for (const text of [lines.slice(0, 60), lines]) {
    const client = new RawClient(t, port).send(text);
    await until(() => holdfast.stats().connections > 0);
    client.socket.resetAndDestroy();
    await until(() => holdfast.stats().connections === 0);
  }
  const client = await SocketClient.open(t, `http://127.0.0.1:${port}/connect`);
  client.say(hello({ channel: "a" }, { channel: "b" }));
  await until(() => holdfast.stats().readers === 2);
  client.socket.terminate();
  await until(() => holdfast.stats().connections === 0);
  await forgotten(holdfast);
});
