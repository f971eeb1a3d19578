import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { decode, encode } from "@msgpack/msgpack";
import { WebSocket } from "ws";
import { call, forgotten, SocketClient, startNode, until } from "../rig.test.ts";

type Message = Record<string, unknown> & { type: string };

/** Speaks MessagePack by a library that is not ours. */
class PackedClient {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  closed: [code: number, reason: string] | undefined;

  private constructor(url: string, protocols: string[], perMessageDeflate: boolean) {
    this.socket = new WebSocket(`${url.replace(/^http/, "ws")}/connect`, protocols, {
      perMessageDeflate,
    });
    this.socket.on("message", (data, isBinary) => {
      assert.ok(isBinary, "every message is a binary frame");
      this.messages.push(decode(new Uint8Array(data as Buffer)) as Message);
    });
    this.socket.on("error", () => {});
    this.socket.on("close", (code, reason) => {
      this.closed = [code, String(reason)];
    });
  }

  static async open(
    t: TestContext,
    url: string,
    protocols = ["holdfast.v1.msgpack"],
    perMessageDeflate = true,
  ): Promise<PackedClient> {
    const client = new PackedClient(url, protocols, perMessageDeflate);
    t.after(() => client.socket.terminate());
    await once(client.socket, "open");
    return client;
  }

  say(message: object): void {
    this.socket.send(encode(message));
  }

  /** Resolves with the first message of a type. */
  async hears(type: string): Promise<Message> {
    const found = () => this.messages.find((message) => message.type === type);
    await until(() => found() !== undefined || this.closed !== undefined);
    return found() ?? assert.fail(`closed before "${type}": ${JSON.stringify(this.closed)}`);
  }

  get types(): string[] {
    return this.messages.map(({ type }) => type);
  }
}

const hello = (...subscriptions: object[]) => ({ type: "hello", subscriptions });

test("[SES-5] the first of the client's offers that is spoken here is chosen", async (t) => {
  const { url } = await startNode(t);
  for (const [offers, chosen] of [
    [["holdfast.v1.msgpack", "holdfast.v1.json"], "holdfast.v1.msgpack"],
    [["holdfast.v1.json", "holdfast.v1.msgpack"], "holdfast.v1.json"],
    [["holdfast.v2.msgpack", "holdfast.v1.msgpack"], "holdfast.v1.msgpack"],
  ] as const) {
    const client = await SocketClient.open(t, `${url}/connect`, { protocols: [...offers] });
    assert.equal(client.socket.protocol, chosen);
  }
});

test("[PACK-1] [PACK-2] [EVT-1] payloads of each kind go out as they were published", async (t) => {
  const { url, holdfast } = await startNode(t);
  const json = '{ "n": 12345678901234567890, "a": 1.0 }';
  const client = await PackedClient.open(t, url);
  client.say(hello({ channel: "a", after: "oldest" }));
  await client.hears("subscribed");
  await fetch(`${url}/channels/a`, {
    method: "POST",
    body: json,
    headers: { "Content-Type": "application/json" },
  });
  await fetch(`${url}/channels/a`, {
    method: "POST",
    body: "ż\n",
    headers: { "Content-Type": "text/plain" },
  });
  await holdfast.publish("a", Uint8Array.of(0, 255, 16), { type: "t", key: "k" });
  const events = () =>
    client.messages.flatMap((one) => (one.type === "events" ? (one.events as Message[]) : []));
  await until(() => events().length === 3);
  assert.deepEqual(
    events().map(({ data, encoding, type, key }) => [data, encoding, type, key]),
    [
      [json, "json", undefined, undefined],
      ["ż\n", "text", undefined, undefined],
      [Uint8Array.of(0, 255, 16), undefined, "t", "k"],
    ],
  );
});

test("[PACK-2] [ACK-1] what is published in MessagePack reads in JSON as if it had come so", async (t) => {
  const { url } = await startNode(t);
  const client = await PackedClient.open(t, url);
  client.say(hello());
  const events = [
    { data: '{"a":\n1.0}', encoding: "json", id: "i" },
    { data: "ż", encoding: "text" },
    { data: Uint8Array.of(0, 255, 16), key: "k" },
  ];
  client.say({ type: "publish", ref: 7, channel: "a", events });
  const { ref, results } = await client.hears("published");
  assert.equal(ref, 7);
  const page = await call(`${url}/channels/a`);
  assert.match(page.text, /"data":\{"a": 1\.0\}/);
  assert.deepEqual(
    page.json.events.slice(1).map(({ data, encoding }: Message) => [data, encoding]),
    [
      ["ż", "text"],
      ["AP8Q", "base64"],
    ],
  );
  assert.deepEqual(
    (results as { cursor: string }[]).map(({ cursor }) => cursor),
    page.json.events.map(({ cursor }: Message) => cursor),
  );
});

test("[PACK-2] [SIG-1] [PRS-1] signals and members go between the two forms", async (t) => {
  const { url } = await startNode(t);
  const packed = await PackedClient.open(t, url);
  const plain = await SocketClient.open(t, `${url}/connect`);
  const wants = { channel: "a", signals: true, presence: true };
  packed.say({ ...hello({ ...wants, join: '{"mood":"awake"}' }), instance: "packed-one" });
  await packed.hears("subscribed");
  plain.say({ ...hello({ ...wants, join: "plain" }), instance: "plain-one" });
  const members = (messages: readonly Message[]) =>
    messages.flatMap((one) => (one.type === "presence" ? (one.members as Message[]) : []));
  await until(() => members(packed.messages).length >= 2 && members(plain.messages).length >= 2);
  const told = (messages: readonly Message[]) =>
    Object.fromEntries(members(messages).map(({ instance, data }) => [instance, data]));
  assert.deepEqual(told(packed.messages), { "packed-one": '{"mood":"awake"}', "plain-one": '"plain"' });
  assert.deepEqual(told(plain.messages), { "packed-one": { mood: "awake" }, "plain-one": "plain" });
  packed.say({ type: "signal", channel: "a", key: "k", data: '"\\ud83d"' });
  plain.say({ type: "signal", channel: "a", key: "l", data: [1e300] });
  await until(() => packed.types.filter((one) => one === "signal").length === 2);
  const signals = packed.messages.filter(({ type }) => type === "signal");
  assert.deepEqual(
    new Map(signals.map(({ key, data }) => [key, data])),
    new Map([
      ["k", '"\\ud83d"'],
      ["l", "[1e+300]"],
    ]),
  );
});

test("[PACK-3] [SES-4] what is no message is refused, and disturbs nothing else", async (t) => {
  const { url } = await startNode(t);
  const client = await PackedClient.open(t, url);
  client.say(hello());
  client.socket.send('{"type":"ping"}');
  client.socket.send(Uint8Array.of(0xc1));
  client.socket.send(Uint8Array.of(0x81, 0xa4, 0x74, 0x79, 0x70, 0x65, 0xa1, 0xff));
  client.say({ type: "shout" });
  client.say({ type: "publish", ref: 1, channel: "a", events: [{ data: "1" }] });
  client.say({ type: "ping" });
  await client.hears("pong");
  assert.deepEqual(
    client.messages.map(({ type, code, ref }) => [type, code, ref]),
    [
      ["welcome", undefined, undefined],
      ["error", "bad_message", undefined],
      ["error", "bad_message", undefined],
      ["error", "bad_utf8", undefined],
      ["error", "unknown_message", undefined],
      ["error", "bad_event", 1],
      ["pong", undefined, undefined],
    ],
  );
});

test("[PACK-3] [SES-1] what is no message instead of hello closes the connection", async (t) => {
  const { holdfast, url } = await startNode(t);
  for (const [said, code] of [
    ['{"type":"hello"}', "bad_message"],
    [Uint8Array.of(0xc1), "bad_message"],
    [encode({ type: "ping" }), "bad_message"],
    [encode({ type: "hello", subscriptions: [{ channel: "a", join: "{" }] }), "bad_json"],
  ] as const) {
    const client = await PackedClient.open(t, url);
    client.socket.send(said);
    await until(() => client.closed !== undefined);
    assert.deepEqual([client.types, client.closed], [["error"], [4400, code]]);
  }
  await forgotten(holdfast);
});

test("[BND-2] [PACK-1] a message beyond the limit is too large, and bytes may fill it", async (t) => {
  const { url } = await startNode(t, { limits: { messageBytesMax: 2000, eventBytesMax: 1900 } });
  const client = await PackedClient.open(t, url);
  client.say(hello());
  // In base64 it would not fit.
  client.say({ type: "publish", ref: 1, channel: "a", events: [{ data: new Uint8Array(1900) }] });
  await client.hears("published");
  client.say({ type: "publish", ref: 2, channel: "a", events: [{ data: new Uint8Array(2000) }] });
  await until(() => client.closed !== undefined);
  assert.deepEqual(client.closed, [1009, "too_large"]);
});

test("[PACK-1] [ZIP-1] where compression is on, a binary frame is deflated as a text frame is", async (t) => {
  const { url, holdfast } = await startNode(t, { compression: { thresholdBytes: 100 } });
  const clients = [await PackedClient.open(t, url), await PackedClient.open(t, url, undefined, false)];
  assert.deepEqual(
    clients.map(({ socket }) => socket.extensions),
    ["permessage-deflate", ""],
  );
  for (const client of clients) client.say(hello({ channel: "a" }));
  await Promise.all(clients.map((client) => client.hears("subscribed")));
  await holdfast.publish("a", new Uint8Array(10_000).fill(7), { type: "t" });
  const [deflated, plain] = await Promise.all(clients.map((client) => client.hears("events")));
  assert.deepEqual(deflated, plain);
  const events = (plain?.events ?? []) as Message[];
  assert.deepEqual(events[0]?.data, new Uint8Array(10_000).fill(7));
});
