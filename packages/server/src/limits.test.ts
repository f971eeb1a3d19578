import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { defaultLimits, SseParser } from "@holdfast/protocol";
import {
  call,
  connections,
  faultyBroker,
  forgotten,
  post,
  RawClient,
  SocketClient,
  StreamClient,
  settled,
  startNode,
  until,
} from "./rig.test.ts";

const padding = "x".repeat(10_000);
/** More than any socket of this machine takes by itself. */
const count = 3000;

/** Stops a client's socket and returns what lets it read again. */
type Stall = () => () => void;

interface Face {
  readonly name: string;
  readonly path: string;
  open(t: TestContext, url: string): Promise<{ stall: Stall; seen(): number[] }>;
}

async function openSocket(t: TestContext, url: string) {
  const client = await SocketClient.open(t, url);
  const stall: Stall = () => {
    client.socket.pause();
    return () => client.socket.resume();
  };
  return { client, stall };
}

const faces: readonly Face[] = [
  {
    name: "an event stream",
    path: "/channels/a",
    async open(t, url) {
      const stream = await StreamClient.open(t, url);
      const seen: number[] = [];
      const parser = new SseParser(({ data }) => seen.push(JSON.parse(data).n));
      stream.response.on("data", (text: string) => parser.push(text));
      const stall: Stall = () => {
        stream.response.pause();
        return () => stream.response.resume();
      };
      return { stall, seen: () => seen };
    },
  },
  {
    name: "a plain WebSocket",
    path: "/channels/a",
    async open(t, url) {
      const { client, stall } = await openSocket(t, url);
      return { stall, seen: () => client.messages.slice(1).map(({ data }) => data.n) };
    },
  },
  {
    name: "a WebSocket of the session protocol",
    path: "/connect",
    async open(t, url) {
      const { client, stall } = await openSocket(t, url);
      client.say({ type: "hello", subscriptions: [{ channel: "a" }] });
      const numbers = ({ events }: { events?: { data: { n: number } }[] }) =>
        (events ?? []).map(({ data }) => data.n);
      return { stall, seen: () => client.messages.flatMap(numbers) };
    },
  },
];

for (const { name, path, open } of faces) {
  test(`[BND-1] [GAP] [ORD-1] ${name} that stops reading costs no growing memory, harms nobody, and goes on from its cursor`, async (t) => {
    const { holdfast, url } = await startNode(t);
    const slow = await open(t, `${url}${path}`);
    const fast = await SocketClient.open(t, `${url}/channels/a`);
    await until(() => holdfast.stats().readers === 2);
    const resume = slow.stall();
    let most = 0;
    for (let n = 0; n < count; n++) {
      await holdfast.publish("a", { n, padding });
      if (n % 50 === 0) await fast.message(n);
      most = Math.max(most, holdfast.stats().unsentBytes);
    }
    await fast.message(count);
    const batch = 50 * (padding.length + 200);
    assert.ok(most > 0, "the slow client was never full");
    assert.ok(
      most < defaultLimits.connectionBufferBytesMax + defaultLimits.pageBytesMax + batch,
      String(most),
    );
    resume();
    await until(() => slow.seen().length === count);
    assert.deepEqual(slow.seen(), [...Array(count).keys()]);
  });
}

test("[BND-2] a connection that takes nothing for too long is closed, if so configured", async (t) => {
  const { holdfast, url } = await startNode(t, { limits: { stalledMsMax: 300, heartbeatMs: 1000 } });
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say({ type: "hello", subscriptions: [{ channel: "a" }] });
  await until(() => holdfast.stats().readers === 2);
  stream.response.pause();
  client.socket.pause();
  for (let n = 0; n < count; n++) await holdfast.publish("a", padding);
  await until(() => holdfast.stats().sessions === 0);
  await connections(holdfast, 0);
});

test("[BND-2] a large answer that nobody reads is given up", async (t) => {
  const { holdfast, url, port } = await startNode(t, {
    limits: { stalledMsMax: 300, pageBytesMax: 64 * 1024 * 1024 },
  });
  for (let n = 0; n < 1000; n++) await holdfast.publish("a", padding);
  const client = new RawClient(t, port);
  client.socket.pause();
  client.send("GET /channels/a?limit=1000 HTTP/1.1", "Host: localhost", "", "");
  await connections(holdfast, 1);
  await connections(holdfast, 0);
  assert.equal((await call(`${url}/health/live`)).status, 200);
});

test("[BND-2] a connection too many is told so, and others are not", async (t) => {
  const { holdfast, url, port } = await startNode(t, { limits: { connectionsMax: 2 } });
  const first = new RawClient(t, port).send("GET /channels/a HTTP/1.1", "Host: localhost", "", "");
  await first.receives('"gap":null}');
  const second = new RawClient(t, port);
  await connections(holdfast, 2);
  const third = new RawClient(t, port).send("GET /channels/a HTTP/1.1", "Host: localhost", "", "");
  assert.equal(await third.code(), "overloaded");
  assert.match(third.received, /^HTTP\/1\.1 503 /);
  assert.match(third.received, /Retry-After: \d/);
  assert.match(third.received, /connectionsMax/);
  await third.closes();
  await connections(holdfast, 2);
  const upgrade = await SocketClient.refused(`${url}/connect`);
  assert.deepEqual(upgrade, { status: 503, code: "overloaded" });
  second.socket.destroy();
  await connections(holdfast, 1);
  assert.equal((await call(`${url}/channels/a`)).status, 200);
});

test("[BND-2] what comes beyond even that is cut off without a word", async (t) => {
  const { holdfast, port } = await startNode(t, { limits: { connectionsMax: 1 } });
  const held = [new RawClient(t, port), new RawClient(t, port)];
  await connections(holdfast, 2);
  const beyond = new RawClient(t, port).send("GET /channels/a HTTP/1.1", "Host: localhost", "", "");
  await beyond.closes();
  assert.equal(beyond.received, "");
  assert.deepEqual(
    held.map(({ isClosed }) => isClosed),
    [false, false],
  );
});

test("[BND-2] [SUB-3] subscriptions beyond the limit are refused one by one", async (t) => {
  const { url } = await startNode(t, { limits: { subscriptionsMax: 2, streamChannelsMax: 2 } });
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say({ type: "hello", subscriptions: [{ channel: "a" }, { channel: "b" }, { channel: "c" }] });
  await client.message(3);
  assert.deepEqual(
    client.messages
      .slice(1)
      .map(({ type, channel }) => `${type} ${channel}`)
      .sort(),
    ["error c", "subscribed a", "subscribed b"],
  );
  assert.equal(client.messages.find(({ type }) => type === "error").code, "too_many_subscriptions");
});

test("[BND-2] an event beyond its limit is refused on every way in", async (t) => {
  const { holdfast, url } = await startNode(t, { limits: { eventBytesMax: 100 } });
  const large = JSON.stringify("x".repeat(100));
  assert.equal((await post(`${url}/channels/a`, large)).json.code, "too_large");
  const plain = await SocketClient.open(t, `${url}/channels/a`);
  plain.socket.send(large);
  assert.equal((await plain.message(1)).code, "too_large");
  await assert.rejects(holdfast.publish("a", "x".repeat(100)), { code: "too_large" });
  assert.equal((await post(`${url}/channels/a/signals`, `{"data":${large}}`)).json.code, "too_large");
  assert.deepEqual((await call(`${url}/channels/a`)).json.events, []);
});

test("[BND-2] [JSON-1] a page is bounded in bytes, and one larger event still fits", async (t) => {
  const { holdfast, url } = await startNode(t, { limits: { pageBytesMax: 25_000 } });
  for (let n = 0; n < 5; n++) await holdfast.publish("a", padding);
  const { json } = await call(`${url}/channels/a?after=oldest`);
  assert.deepEqual([json.events.length, json.more], [2, true]);
  await holdfast.publish("b", "x".repeat(30_000));
  assert.equal((await call(`${url}/channels/b?after=oldest`)).json.events.length, 1);
});

test("[BND-2] [ACK-4] a client with too many unanswered publishes is read no further, and loses none", async (t) => {
  const { broker, faults } = faultyBroker();
  const gate = Promise.withResolvers<void>();
  faults.set("append", gate.promise);
  const { url } = await startNode(t, { broker, limits: { publishesInFlightMax: 4 } });
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say({ type: "hello", subscriptions: [] });
  for (let ref = 0; ref < count; ref++) {
    client.say({ type: "publish", ref, channel: "a", events: [{ data: padding }] });
  }
  assert.notEqual(await settled(() => client.socket.bufferedAmount), 0);
  gate.resolve();
  await client.message(count);
  assert.deepEqual(
    client.messages.slice(1).map(({ type, ref }) => [type, ref]),
    [...Array(count).keys()].map((ref) => ["published", ref]),
  );
});

test("[BND-1] a thousand clients that come and go leave nothing behind", async (t) => {
  const { holdfast, url } = await startNode(t);
  for (let round = 0; round < 10; round++) {
    const clients = await Promise.all(
      Array.from({ length: 100 }, (_, n) => SocketClient.open(t, `${url}/channels/room-${n % 7}`)),
    );
    await until(() => holdfast.stats().readers === 100);
    for (const [n, { socket }] of clients.entries()) n % 2 ? socket.close() : socket.terminate();
    await Promise.all(
      clients.map(async ({ socket }) => socket.readyState === socket.CLOSED || once(socket, "close")),
    );
    await forgotten(holdfast);
    await connections(holdfast, 0);
  }
});

test("[READ-3] a thousand channels on one session, and a hundred thousand events in pages, work", async (t) => {
  const { holdfast, url } = await startNode(t);
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say({
    type: "hello",
    subscriptions: Array.from({ length: 1000 }, (_, n) => ({ channel: `c:${n}` })),
  });
  await until(() => client.messages.length === 1001);
  for (let n = 0; n < 1000; n++) await holdfast.publish(`c:${n}`, n);
  await until(() => client.messages.length === 2001);
  const batch = Array.from({ length: 1000 }, (_, n) => `{"data":${n}}`).join("\n");
  for (let n = 0; n < 100; n++) {
    await post(`${url}/channels/long`, batch, { "Content-Type": "application/x-ndjson" });
  }
  let read = 0;
  let after = "oldest";
  for (let more = true; more; ) {
    const { json } = await call(`${url}/channels/long?after=${after}&limit=1000`);
    read += json.events.length;
    ({ cursor: after, more } = json);
  }
  assert.equal(read, 100_000);
});
