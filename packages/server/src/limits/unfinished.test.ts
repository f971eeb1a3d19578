import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { WebSocket } from "ws";
import { connections, post, RawClient, SocketClient, settled, startNode, until } from "../rig.test.ts";

const limits = { bodiesBytesMax: 200_000, messageBytesMax: 100_000, eventBytesMax: 100_000 };
const half = "x".repeat(60_000);

/** A request whose body is announced, and comes in part. */
function beginBody(t: Parameters<typeof startNode>[0], port: number): RawClient {
  return new RawClient(t, port).send(
    "POST /channels/a HTTP/1.1",
    "Host: localhost",
    "Content-Type: text/plain",
    "Content-Length: 90000",
    "",
    half,
  );
}

test("[BND-2] [LIM-3] bodies that never come whole are bounded for all together, and the others are served", async (t) => {
  const { url, port, holdfast } = await startNode(t, { limits });
  const clients = [1, 2, 3].map(() => beginBody(t, port));
  await connections(holdfast, 3);
  const fourth = beginBody(t, port);
  // Whichever it was that came last.
  const all = [...clients, fourth];
  await until(() => all.some(({ received }) => received.includes("bodiesBytesMax")));
  const refused = all.filter(({ received }) => received !== "");
  assert.equal(refused.length, 1);
  assert.match(
    refused[0]?.received ?? "",
    /^HTTP\/1\.1 503 [\s\S]*Retry-After: \d[\s\S]*"limit":"bodiesBytesMax"/,
  );
  for (const { socket } of all) socket.destroy();
  await connections(holdfast, 0);
  assert.equal((await post(`${url}/channels/a`, "1")).status, 201);
});

test("[BND-2] so are messages of WebSockets, of which one that is too much is closed", async (t) => {
  const { url, holdfast } = await startNode(t, { limits });
  const clients = await Promise.all([1, 2, 3, 4].map(() => SocketClient.open(t, `${url}/channels/a`)));
  for (const { socket } of clients) socket.send(half, { fin: false });
  await until(() => clients.some(({ closed }) => closed !== undefined));
  const [closed, ...more] = clients.filter((client) => client.closed !== undefined);
  assert.deepEqual([closed?.closed?.code, more], [1013, []]);
  assert.match(closed?.closed?.reason ?? "", /^overloaded; retry-after-ms=\d+$/);
  const alive = clients.find((client) => client.closed === undefined);
  alive?.socket.send('"');
  await alive?.message(1);
  for (const { socket } of clients) socket.terminate();
  await connections(holdfast, 0);
  const next = await SocketClient.open(t, `${url}/channels/a`);
  for (let n = 0; n < 10; n++) next.socket.send(JSON.stringify(half));
  await next.message(10);
  assert.ok(next.messages.slice(1).every(({ control, data }) => control === "published" || data === half));
});

test("[LIM-6] pings of a client that takes nothing are not kept, and the latest is answered when it does", async (t) => {
  const { url, holdfast } = await startNode(t, { limits: { messagesPerSecond: 0 } });
  const client = await SocketClient.open(t, `${url}/channels/a`);
  const pongs: string[] = [];
  client.socket.on("pong", (data) => pongs.push(data.toString()));
  client.socket.ping("first");
  await until(() => pongs.length === 1);
  // More than any socket of this machine takes by itself.
  client.socket.pause();
  const padding = randomBytes(60).toString("hex");
  let most = 0;
  for (let round = 0; round < 300; round++) {
    for (let n = 0; n < 500; n++) client.socket.ping(`${padding}${n % 10}`);
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, holdfast.stats().unsentBytes);
  }
  await settled(() => holdfast.stats().unsentBytes);
  most = Math.max(most, holdfast.stats().unsentBytes);
  assert.ok(most < 2 * 1024 * 1024, `${most} bytes of pongs are kept`);
  client.socket.resume();
  client.socket.ping("last");
  await until(() => pongs.at(-1) === "last");
  assert.equal(client.socket.readyState, WebSocket.OPEN);
});
