import assert from "node:assert/strict";
import { test } from "node:test";
import { call, SocketClient, StreamClient, settled, startNode, until } from "./rig.test.ts";

const hello = (channel: string) => ({ type: "hello", subscriptions: [{ channel }] });
const limits = { connectionAgeMsMax: 300, heartbeatMs: 1000 };

test("[CALM-4] [CALM-2] an old session is asked to go, and served until it has gone", async (t) => {
  const { holdfast, url } = await startNode(t, { limits });
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello("a"));
  const stream = await StreamClient.open(t, `${url}/connect`, { body: hello("a") });
  const asked = (messages: { type: string }[]) => messages.find(({ type }) => type === "reconnect");
  await until(() => [socket, stream].every(({ messages }) => asked(messages) !== undefined));
  for (const { messages } of [socket, stream]) {
    assert.deepEqual(asked(messages), { type: "reconnect", delayMs: 0, reason: "rotate" });
  }
  await holdfast.publish("a", "still served");
  await until(() => [socket, stream].every(({ messages }) => messages.at(-1).type === "events"));
});

test("[CALM-4] [CALM-3] [SSE-6] an old plain stream or WebSocket ends, and says when to come back", async (t) => {
  const { url } = await startNode(t, { limits });
  const socket = await SocketClient.open(t, `${url}/channels/a`);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.ends();
  assert.match(stream.text, /retry: 1000\nevent: reconnect\ndata: {"delayMs":1000,"reason":"rotate"}\n\n$/);
  assert.deepEqual(await socket.closes(), { code: 1012, reason: "rotate; retry-after-ms=1000" });
  assert.deepEqual(socket.messages.at(-1), { control: "reconnect", delayMs: 1000, reason: "rotate" });
});

test("[CALM-4] nothing is asked to go where the age is 0, and no answer is held for less because of it", async (t) => {
  const { url } = await startNode(t, { limits: { ...limits, connectionAgeMsMax: 0 } });
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives(": heartbeat");
  assert.equal(await settled(() => stream.text.match(/reconnect/g)?.length ?? 0), 0);
  const young = await startNode(t, { limits: { ...limits, connectionAgeMsMax: 1 } });
  const held = await call(`${young.url}/channels/a?wait=1`);
  assert.deepEqual([held.status, held.json.events], [200, []]);
});

test("[CALM-4] all can be asked to connect anew, one after the other", async (t) => {
  const { holdfast, url } = await startNode(t);
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello("a"));
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives("id: ");
  await socket.message(1);
  await holdfast.rotate({ overMs: 100 });
  await stream.ends();
  assert.match(stream.text, /event: reconnect\ndata: {"delayMs":\d+,"reason":"rotate"}\n\n$/);
  await until(() => socket.messages.at(-1).type === "reconnect");
  await holdfast.publish("a", "still served");
  await until(() => socket.messages.at(-1).type === "events");
  // And nobody is refused for it.
  await StreamClient.open(t, `${url}/channels/a`);
});
