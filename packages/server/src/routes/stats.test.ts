import assert from "node:assert/strict";
import { test } from "node:test";
import { call, post, RawClient, SocketClient, StreamClient, startNode, until } from "../rig.test.ts";

const hello = (...subscriptions: unknown[]) => ({ type: "hello", subscriptions });

test("[SEE-3] people are told what the node holds and has done", async (t) => {
  const { url, holdfast } = await startNode(t);
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello({ channel: "a" }));
  await socket.message(1);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives("id: ");
  void call(`${url}/channels/a?wait=60&after=latest`);
  await until(() => holdfast.stats().waiters === 1);
  await post(`${url}/channels/b`, "1");
  await call(`${url}/channels/a?after=nothing`);
  const { status, json, headers, text } = await call(`${url}/stats`);
  assert.deepEqual([status, headers.get("content-type")], [200, "application/json"]);
  assert.match(text, /^\{\n {2}"node"/);
  assert.match(json.node.id, /^[a-z0-9]{8}$/);
  assert.match(json.node.version, /^\d+\.\d+\.\d+/);
  assert.ok(Math.abs(Date.parse(json.node.startedAt) + json.node.uptimeSeconds * 1000 - Date.now()) < 5000);
  assert.deepEqual([json.node.isReady, json.node.isDraining], [true, false]);
  assert.equal(json.process.pid, process.pid);
  assert.ok(json.process.residentBytes > json.process.heapUsedBytes);
  assert.ok(json.process.openFiles > 3 && json.process.openFiles <= json.process.openFilesMax);
  assert.deepEqual(json.connections.byTransport, { websocket: 1, sse: 1, "long-poll": 1, request: 0 });
  assert.deepEqual([json.connections.total, json.connections.byAge["<1m"]], [3, 3]);
  assert.deepEqual(json.sessions, { greeting: 0, live: 2, lagging: 0, full: 0 });
  assert.deepEqual([json.channels.readers, json.channels.readersLagging], [3, 0]);
  assert.deepEqual(json.lagging, []);
  assert.equal(json.traffic.websocket.receivedMessages, 1);
  assert.deepEqual(json.traffic.request.errors, { bad_cursor: 1 });
  assert.deepEqual([json.broker.name, json.broker.callsInFlight.append], ["memory", 0]);
  assert.ok(json.broker.log.events >= 1);
  assert.deepEqual(json.drain, { told: 0, gone: 0, stay: 3 });
  assert.deepEqual(await holdfast.report().then(({ node }) => node.id), json.node.id);
  assert.match(await holdfast.metrics(), /^holdfast_ready 1$/m);
});

test("[SEE-3] [BND-1] who is behind is named, with how far and what is unsent", async (t) => {
  const { url, port, holdfast } = await startNode(t, {
    authenticate: () => ({ user: "ada" }),
    authorize: () => true,
  });
  const stuck = new RawClient(t, port);
  stuck.send("GET /channels/a HTTP/1.1", "Host: localhost", "Accept: text/event-stream", "", "");
  await stuck.receives("id: ");
  stuck.socket.pause();
  const data = "x".repeat(200_000);
  let stats = (await call(`${url}/stats`)).json;
  while (!(stats.lagging[0]?.lagOffsets > 10)) {
    await holdfast.publish("a", data);
    stats = (await call(`${url}/stats`)).json;
  }
  const [slow] = stats.lagging;
  assert.deepEqual(
    [slow.transport, slow.channel, slow.user, slow.address, slow.session],
    ["sse", "a", "ada", "127.0.0.1", "full"],
  );
  assert.ok(slow.connection.startsWith(stats.node.id));
  assert.ok(slow.unsentBytes >= 65_536);
  stuck.socket.destroy();
});
