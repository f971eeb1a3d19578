import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { createHoldfast } from "@holdfast/server";
import { WebSocketServer } from "ws";
import { type ClientOptions, connect } from "./client.ts";
import { take, timing, until } from "./fake-server.test.ts";
import { msgpack } from "./msgpack.ts";

const transports = ["websocket", "sse", "long-poll", "poll"] as const;

async function serve(t: TestContext): Promise<string> {
  const holdfast = createHoldfast({ logger: () => {} });
  const { url } = await holdfast.listen({ port: 0 });
  t.after(() => holdfast.close({ spreadMs: 0, deadlineMs: 1000 }));
  return url;
}

/** What a WebSocket heard and said, while it is the one that clients use. */
class Spy extends WebSocket {
  static last: Spy;
  readonly heard: unknown[] = [];
  readonly said: unknown[] = [];

  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    Spy.last = this;
    this.addEventListener("message", ({ data }) => this.heard.push(data));
  }

  override send(data: Parameters<WebSocket["send"]>[0]): void {
    this.said.push(data);
    super.send(data);
  }
}

function open(t: TestContext, url: string, options: ClientOptions) {
  const client = connect(url, { toleranceMs: 25, timing, ...options });
  t.after(() => client.close());
  return client;
}

const photo = Uint8Array.from({ length: 1024 }, (_, index) => index % 256);

test("[PACK-1] [PACK-2] bytes go as they are, and arrive alike on every transport", async (t) => {
  const url = await serve(t);
  const writer = open(t, url, { transports: ["websocket"], codec: msgpack, WebSocket: Spy });
  const own = writer.subscribe("a");
  await own.ready;
  const others = transports.map((transport) => {
    const reader = open(t, url, { transports: [transport], codec: msgpack });
    return reader.subscribe("a", { after: "oldest" });
  });
  const big = "12345678901234567890";
  await writer.publishBatch("a", [
    { data: photo, type: "photo" },
    { data: { total: 42 } },
    { data: "ż", encoding: "text" },
    { data: big, encoding: "json" },
  ]);
  for (const reading of [own, ...others]) {
    const events = await take(reading, 4);
    assert.deepEqual(
      events.map(({ data, encoding, type }) => [data, encoding, type]),
      [
        [photo, "base64", "photo"],
        [{ total: 42 }, undefined, undefined],
        ["ż", "text", undefined],
        [Number(big), undefined, undefined],
      ],
    );
    assert.equal(Object.getPrototypeOf(events[0]?.data), Uint8Array.prototype);
  }
  const { heard, said, protocol } = Spy.last;
  assert.equal(protocol, "holdfast.v1.msgpack");
  assert.ok(said.every((message) => message instanceof Uint8Array));
  assert.ok(heard.every((message) => message instanceof ArrayBuffer));
  const published = said.find((message) => (message as Uint8Array).length > 1024) as Uint8Array;
  assert.ok(published.length < 1024 + 400, `${published.length} bytes for 1,024`);
  // The log carried the text, whatever the number would become in JavaScript.
  const page = await (await fetch(`${url}/channels/a`)).text();
  assert.ok(page.includes(`"data":${big}`));
});

test("[PACK-2] [SIG-1] [PRS-1] signals and members are values on either side", async (t) => {
  const url = await serve(t);
  const packed = open(t, url, { transports: ["websocket"], codec: msgpack });
  const plain = open(t, url, { transports: ["websocket"] });
  const signals: unknown[] = [];
  const members = new Map<string, unknown>();
  const mine = packed.subscribe("a", {
    join: { name: "packed" },
    onSignal: ({ data }) => signals.push(data),
    onPresence: (presence) => {
      for (const { instance, data } of presence.members) members.set(instance, data);
    },
  });
  const theirs = plain.subscribe("a", {
    join: { name: "plain" },
    onSignal: ({ data }) => signals.push(data),
  });
  await Promise.all([mine.ready, theirs.ready]);
  await until(() => members.size === 2);
  assert.deepEqual([...members.values()].map((data) => (data as { name: string }).name).sort(), [
    "packed",
    "plain",
  ]);
  plain.signal("a", { at: [1, null] });
  await until(() => signals.length === 2);
  packed.signal("a", { at: [1, null] });
  await until(() => signals.length === 4);
  assert.deepEqual(signals, new Array(4).fill({ at: [1, null] }));
});

test("[SES-5] a server that speaks JSON alone is spoken to in JSON", async (t) => {
  const chosen: string[][] = [];
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    handleProtocols: (offered) => {
      chosen.push([...offered]);
      return "holdfast.v1.json";
    },
  });
  await once(server, "listening");
  t.after(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const hellos: unknown[] = [];
  server.on("connection", (socket) =>
    socket.on("message", (data, isBinary) => hellos.push(isBinary ? data : JSON.parse(String(data)))),
  );
  const { port } = server.address() as { port: number };
  const client = open(t, `http://127.0.0.1:${port}`, { transports: ["websocket"], codec: msgpack });
  client.subscribe("a");
  await until(() => hellos.length > 0);
  assert.deepEqual(chosen[0], ["holdfast.v1.msgpack", "holdfast.v1.json"]);
  assert.equal((hellos[0] as { type: string }).type, "hello");
});

test("[PACK-3] a server that says what is no message is left for the next transport", async (t) => {
  const url = await serve(t);
  const garbled = class extends Spy {
    override addEventListener(type: string, listener: unknown, options?: unknown): void {
      const heard = listener as (event: object) => void;
      const tampered = () => heard({ data: Uint8Array.of(0xc1).buffer });
      super.addEventListener(type, (type === "message" ? tampered : heard) as never, options as never);
    }
  };
  const client = open(t, url, { transports: ["websocket", "sse"], codec: msgpack, WebSocket: garbled });
  const reading = client.subscribe("a");
  await reading.ready;
  assert.equal(client.transport, "sse");
});
