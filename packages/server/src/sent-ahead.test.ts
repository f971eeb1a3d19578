import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import type { Holdfast } from "./index.ts";
import { faultyBroker, forgotten, RawClient, settled, startNode, until } from "./rig.test.ts";
import { upgradeLines } from "./transports/client-frames.test.ts";

const page = "GET /channels/other HTTP/1.1\r\nHost: localhost\r\n\r\n";
const publish =
  "POST /channels/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nhi";
const upgrade = upgradeLines("/channels/a").join("\r\n");

function statuses(client: RawClient): string[] {
  return client.received.match(/HTTP\/1\.1 \d+/g) ?? [];
}

/** A node attached to a server whose application answers everything else when it is told to. */
async function startApplication(t: TestContext, holdfast: Holdfast) {
  const held: ServerResponse[] = [];
  const server = createServer((_request: IncomingMessage, response: ServerResponse) => held.push(response));
  holdfast.attach(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { held, port: (server.address() as AddressInfo).port };
}

/** A node whose publishes wait until they are let go. */
async function startHeld(t: TestContext) {
  const { broker, faults } = faultyBroker();
  let letGo = () => {};
  faults.set("append", new Promise((resolve) => (letGo = resolve)));
  return { ...(await startNode(t, { broker })), letGo: () => letGo() };
}

for (const where of ["the node's own server", "somebody else's server"]) {
  test(`[HTTP-5] [BND-1] on ${where}, a client that sends requests ahead without end is read no further until it has its answers`, async (t) => {
    const { holdfast, port: own, letGo } = await startHeld(t);
    const attached = await startApplication(t, holdfast);
    const client = new RawClient(t, where.startsWith("the") ? own : attached.port);
    client.send(publish);
    await until(() => holdfast.stats().publishing === 1);
    // More than the sockets hold between them.
    client.socket.write(page.repeat(400_000));
    await settled(() => holdfast.stats().connections);
    assert.ok(client.socket.writableLength > 0);
    letGo();
    await client.receives("201 Created");
    await client.receives("200 OK");
    assert.deepEqual(statuses(client).slice(0, 2), ["HTTP/1.1 201", "HTTP/1.1 200"]);
    client.socket.destroy();
    await forgotten(holdfast);
  });
}

test("[HTTP-5] [ACK-1] an upgrade that is sent ahead does not take the place of an answer that is owed", async (t) => {
  const { holdfast, port, letGo } = await startHeld(t);
  const client = new RawClient(t, port).send(publish + upgrade);
  await until(() => holdfast.stats().publishing === 1);
  letGo();
  await until(() => statuses(client).length === 2 || client.isClosed);
  // Taken for the request that it also is. RFC 9110 §7.8.
  assert.deepEqual(statuses(client), ["HTTP/1.1 201", "HTTP/1.1 200"]);
});

test("[HTTP-5] nor does it on somebody else's server, whose answer it was", async (t) => {
  const { holdfast } = await startNode(t);
  const { held, port } = await startApplication(t, holdfast);
  const client = new RawClient(t, port).send(`GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n${upgrade}`);
  await until(() => held.length === 1);
  held[0]?.end("at last");
  await until(() => statuses(client).length === 2 || client.isClosed);
  assert.deepEqual(statuses(client), ["HTTP/1.1 200", "HTTP/1.1 200"]);
  assert.match(client.received, /at last[\s\S]*"channel":"a"/);
});

test("[ERR-2] garbage behind requests that were sent ahead is not answered in the middle of another answer", async (t) => {
  const { holdfast, port } = await startNode(t, { limits: { pageBytesMax: 64 * 1024 * 1024 } });
  for (let n = 0; n < 500; n++) await holdfast.publish("large", "x".repeat(60_000));
  const client = new RawClient(t, port);
  client.send("GET /channels/large?after=oldest&limit=500 HTTP/1.1", "Host: localhost", "", "");
  await client.receives("200 OK");
  client.socket.pause();
  await settled(() => client.socket.bytesRead);
  client.send(page, "garbage", "", "");
  await settled(() => holdfast.stats().connections);
  client.socket.resume();
  await client.closes();
  assert.deepEqual(statuses(client), ["HTTP/1.1 200"]);
  await forgotten(holdfast);
});

test("[ERR-2] [ACK-1] garbage behind a publish and another request is not taken for the answer to the publish", async (t) => {
  const { port } = await startNode(t);
  const client = new RawClient(t, port).send(`${publish}${page}garbage\r\n\r\n`);
  await client.closes();
  assert.equal(client.received, "");
});
