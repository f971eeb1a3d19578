import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { type TestContext, test } from "node:test";
import { msgpackCodec } from "@holdfast/protocol/msgpack";
import { WebSocket } from "ws";
import type { HoldfastOptions } from "./index.ts";
import { call, forgotten, post, SocketClient, StreamClient, startNode, until } from "./rig.test.ts";

const lifeMs = 600_000;

/** Tokens are their own end, in ms after `start`: the clock is the test's, and stands still unless it is set. */
async function startClocked(t: TestContext, options: Partial<HoldfastOptions> = {}) {
  const start = 1_790_000_000_000;
  t.mock.timers.enable({ apis: ["Date"], now: start });
  const rig = await startNode(t, {
    authenticate: (token) => ({ user: "ada", expiresAt: start + Number(token ?? lifeMs) }),
    authorize: () => true,
    ...options,
    limits: { waitMsMax: 3_600_000, ...options.limits },
  });
  const at = (afterMs: number) => t.mock.timers.setTime(start + afterMs);
  return { ...rig, start, at };
}

const hello = (...channels: string[]) => ({
  type: "hello",
  subscriptions: channels.map((channel) => ({ channel })),
});

async function openPacked(t: TestContext, url: string) {
  const socket = new WebSocket(url.replace(/^http/, "ws"), ["holdfast.v1.msgpack"]);
  t.after(() => socket.terminate());
  const messages: { type: string; [field: string]: unknown }[] = [];
  socket.on("message", (data: Buffer) => messages.push(msgpackCodec.decode(data) as (typeof messages)[0]));
  await once(socket, "open");
  const closed = once(socket, "close").then(([code, reason]) => [code, String(reason)]);
  return { messages, closed, say: (message: object) => socket.send(msgpackCodec.encode(message as never)) };
}

test("[EXP-3] until its token ends everything goes on, and then it is closed on every transport", async (t) => {
  const { holdfast, url, at } = await startClocked(t);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  const several = await StreamClient.open(t, `${url}/events?channel=a&channel=b`);
  const session = await StreamClient.open(t, `${url}/connect`, { body: hello("a") });
  const plain = await SocketClient.open(t, `${url}/channels/a`);
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello("a"));
  const packed = await openPacked(t, `${url}/connect`);
  packed.say(hello("a"));
  const { cursor } = (await call(`${url}/channels/never`)).json;
  const poll = call(`${url}/channels/never?after=${cursor}&wait=3600`);
  const answer = post(`${url}/connect?wait=3600`, JSON.stringify(hello("never")));
  await socket.message(1);
  await plain.message(0);
  await until(() => packed.messages.length === 2);
  await until(() => holdfast.stats().sessions === 7 && holdfast.stats().waiters === 1);
  at(lifeMs - 1);
  await holdfast.publish("a", "in time");
  for (const one of [stream, several, session]) await one.receives("in time");
  await until(() =>
    [plain, socket, packed].every(({ messages }) => JSON.stringify(messages).includes("in time")),
  );
  assert.equal(holdfast.stats().sessions, 7);
  at(lifeMs);
  for (const one of [plain, socket])
    assert.deepEqual(await one.closes(), { code: 4401, reason: "token_expired" });
  assert.deepEqual(await packed.closed, [4401, "token_expired"]);
  for (const one of [stream, several, session]) await one.ends();
  assert.deepEqual(
    session.messages.slice(-1).map(({ type, code, retry }) => [type, code, retry]),
    [["error", "token_expired", "reauthenticate"]],
  );
  assert.deepEqual([(await poll).status, (await poll).json.events], [200, []]);
  assert.deepEqual(
    (await answer).json.messages.map(({ type }: { type: string }) => type),
    ["welcome", "subscribed"],
  );
  await forgotten(holdfast);
  await holdfast.publish("a", "too late");
  for (const one of [stream, several, session]) assert.ok(!one.text.includes("too late"));
});

test("[EXP-3] who comes back with a token that has ended is told so, whatever the path", async (t) => {
  const { url, at } = await startClocked(t);
  at(lifeMs);
  const paths = [
    ["/channels/a", "text/event-stream"],
    ["/events?channel=a", "text/event-stream"],
    ["/channels/a?wait=1", "application/json"],
  ] as const;
  for (const [path, accept] of paths) {
    const { status, json, headers } = await call(`${url}${path}`, { headers: { Accept: accept } });
    assert.deepEqual(
      [status, json.code, json.retry, headers.get("www-authenticate") !== null],
      [401, "token_expired", "reauthenticate", true],
      path,
    );
  }
  for (const accept of ["application/json", "text/event-stream"]) {
    const { status, json } = await post(`${url}/connect`, JSON.stringify(hello("a")), { Accept: accept });
    assert.deepEqual([status, json.code], [401, "token_expired"]);
  }
  assert.deepEqual(await SocketClient.refused(`${url}/channels/a`), { status: 401, code: "token_expired" });
});

test("[EXP-1] [EXP-2] the end is announced on what lasts, and its time is told as a duration too", async (t) => {
  const { url, start, at } = await startClocked(t);
  const session = await StreamClient.open(t, `${url}/connect`, { body: hello() });
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello());
  const [welcome] = [await socket.message(0)];
  assert.deepEqual([welcome.expiresAt, welcome.expiresInMs], [start + lifeMs, lifeMs]);
  await session.receives("welcome");
  at(lifeMs - 30_000);
  assert.deepEqual(await socket.message(1), { type: "expiring", inMs: 30_000 });
  await session.receives('{"type":"expiring","inMs":30000}');
});

test("[EXP-4] a renewal that ends sooner is noticed as soon", async (t) => {
  const { url, at } = await startClocked(t);
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello());
  await socket.message(0);
  socket.say({ type: "auth", token: "500" });
  const { expiresInMs } = await socket.message(1);
  assert.equal(expiresInMs, 500);
  at(500);
  assert.deepEqual(await socket.closes(), { code: 4401, reason: "token_expired" });
});

test("[EXP-5] in its grace a WebSocket is given nothing, and a new token brings what it missed", async (t) => {
  const { holdfast, url, at } = await startClocked(t, { limits: { expiryGraceMs: 20_000 } });
  const stream = await StreamClient.open(t, `${url}/connect`, { body: hello("a") });
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello("a"));
  await socket.message(1);
  at(lifeMs);
  // A stream cannot be renewed, and has no grace.
  await stream.ends();
  await holdfast.publish("a", 1);
  socket.say({ type: "publish", ref: 1, channel: "a", events: [{ data: 2 }] });
  await until(() => socket.messages.some(({ ref }) => ref === 1));
  const types = () =>
    socket.messages.map(({ type, code }) => code ?? type).filter((type) => type !== "expiring");
  assert.deepEqual(types(), ["welcome", "subscribed", "token_expired"]);
  socket.say({ type: "auth", token: String(2 * lifeMs) });
  await until(() => types().length === 5);
  assert.deepEqual(types().slice(3).toSorted(), ["events", "renewed"]);
  at(2 * lifeMs + 20_000);
  assert.deepEqual(await socket.closes(), { code: 4401, reason: "token_expired" });
});

test("[EXP-3] a body that is still on its way when the token ends publishes nothing", async (t) => {
  let permitted = 0;
  const authorize = () => ++permitted > 0;
  const { url, at } = await startClocked(t, { authorize, limits: { bodyTimeoutMs: 3_600_000 } });
  for (const [path, type] of [
    ["/channels/a", "text/plain"],
    ["/channels/a/signals", "application/json"],
  ] as const) {
    at(0);
    const before = permitted;
    const outgoing = request(`${url}${path}`, {
      method: "POST",
      agent: false,
      headers: { "Content-Type": type },
    });
    outgoing.write('{"data":');
    await until(() => permitted > before);
    at(lifeMs);
    outgoing.end("1}");
    const [response] = await once(outgoing, "response");
    response.resume();
    assert.equal(response.statusCode, 401, path);
  }
  at(0);
  assert.deepEqual((await call(`${url}/channels/a`)).json.events, []);
});
