import assert from "node:assert/strict";
import { test } from "node:test";
import { createHoldfast, type HoldfastOptions, type LogEntry } from "./index.ts";
import {
  call,
  forgotten,
  post,
  RawClient,
  SocketClient,
  StreamClient,
  settled,
  startNode,
  until,
} from "./rig.test.ts";

/** Tokens are user names; ada may do everything, bob, and ada's poorer token, may only read what is public. */
const guarded: HoldfastOptions = {
  authenticate: (token, { headers }) => {
    const user = token ?? /user=(\w+)/.exec(String(headers.cookie))?.[1];
    if (user === "poor-ada") return { user: "ada", tokenId: "poor" };
    return user === "ada" || user === "bob" ? { user } : null;
  },
  authorize: ({ user, tokenId }, action, channel) =>
    (user === "ada" && tokenId !== "poor") || (action === "read" && channel === "public"),
};
const as = (user: string) => ({ Authorization: `Bearer ${user}` });
const hello = (token: string | undefined, ...subscriptions: unknown[]) => ({
  type: "hello",
  subscriptions,
  ...(token === undefined ? {} : { token }),
});

const everywhere: readonly [method: string, path: string, headers?: Record<string, string>][] = [
  ["GET", "/channels/a"],
  ["GET", "/channels/a?wait=1"],
  ["GET", "/channels/a", { Accept: "text/event-stream" }],
  ["GET", "/events?channel=a", { Accept: "text/event-stream" }],
  ["POST", "/channels/a", { "Content-Type": "text/plain" }],
  ["POST", "/channels/a/close"],
  ["GET", "/channels/a/state"],
  ["GET", "/channels/a/presence"],
  ["POST", "/channels/a/signals", { "Content-Type": "application/json" }],
];

test("[AUTH-1] without a valid principal every path answers 401, and says how to come in", async (t) => {
  const { url } = await startNode(t, guarded);
  for (const [method, path, headers] of everywhere) {
    for (const credential of [{}, as("mallory"), { Authorization: "Basic YWRhOmFkYQ==" }]) {
      const answer = await call(`${url}${path}`, { method, headers: { ...headers, ...credential } });
      assert.deepEqual(
        [answer.status, answer.json.code, answer.json.retry, answer.headers.get("www-authenticate")],
        [401, "unauthenticated", "reauthenticate", "Bearer"],
        `${method} ${path}`,
      );
    }
  }
  for (const accept of ["application/json", "text/event-stream"]) {
    const { status } = await post(`${url}/connect`, JSON.stringify(hello("mallory")), { Accept: accept });
    assert.equal(status, 401);
  }
  assert.equal((await call(`${url}/health/ready`)).status, 200);
});

test("[AUTH-1] what a principal may not do is forbidden on every path, and has no effect", async (t) => {
  const { url } = await startNode(t, guarded);
  for (const [method, path, headers] of everywhere) {
    const { status, json } = await call(`${url}${path}`, { method, headers: { ...headers, ...as("bob") } });
    assert.deepEqual([status, json.code], [403, "forbidden"], `${method} ${path}`);
  }
  for (const path of ["/channels/public", "/channels/public/close"]) {
    const { status } = await post(`${url}${path}`, "1", as("bob"));
    assert.equal(status, 403, path);
  }
  const { json } = await call(`${url}/channels/public`, { headers: as("bob") });
  assert.deepEqual([json.events, json.closed], [[], false]);
});

test("[AUTH-1] a WebSocket is refused before the upgrade when the request alone can tell", async (t) => {
  const { holdfast, url } = await startNode(t, guarded);
  for (const [path, headers, status, code] of [
    ["/channels/public", {}, 401, "unauthenticated"],
    ["/channels/public", as("mallory"), 401, "unauthenticated"],
    ["/channels/a", as("bob"), 403, "forbidden"],
    ["/connect", as("mallory"), 401, "unauthenticated"],
  ] as const) {
    assert.deepEqual(await SocketClient.refused(`${url}${path}`, { headers }), { status, code });
  }
  assert.equal(holdfast.stats().sessions, 0);
  const cookie = await SocketClient.open(t, `${url}/channels/public`, { headers: { Cookie: "user=bob" } });
  assert.equal((await cookie.message(0)).control, "subscribed");
});

test("[AUTH-1] a token may come with the request or with hello, and a wrong one closes with 4401", async (t) => {
  const { url } = await startNode(t, guarded);
  const header = await SocketClient.open(t, `${url}/connect`, { headers: as("bob") });
  header.say(hello(undefined));
  assert.equal((await header.message(0)).user, "bob");
  const message = await SocketClient.open(t, `${url}/connect`);
  message.say(hello("ada"));
  assert.equal((await message.message(0)).user, "ada");
  const wrong = await SocketClient.open(t, `${url}/connect`);
  wrong.say(hello("mallory", { channel: "public" }));
  assert.deepEqual(await wrong.closes(), { code: 4401, reason: "unauthenticated" });
  assert.deepEqual(
    wrong.messages.map(({ type, code }) => [type, code]),
    [["error", "unauthenticated"]],
  );
});

test("[AUTH-1] [SUB-4] a forbidden channel is refused by itself, and nothing of it is delivered", async (t) => {
  const { holdfast, url } = await startNode(t, guarded);
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(hello("bob", { channel: "secret" }, { channel: "public" }));
  await client.message(2);
  await holdfast.publish("secret", 1);
  await holdfast.publish("public", 2);
  await client.message(3);
  const about = (channel: string) => client.messages.filter((message) => message.channel === channel);
  assert.deepEqual(
    about("secret").map(({ code }) => code),
    ["forbidden"],
  );
  assert.deepEqual(
    about("public").map(({ type }) => type),
    ["subscribed", "events"],
  );
  client.say({ type: "publish", ref: 1, channel: "public", events: [{ data: 1 }] });
  const refusal = await client.message(4);
  assert.deepEqual([refusal.code, refusal.ref], ["forbidden", 1]);
});

test("[AUTH-1] one forbidden channel among several refuses the whole plain stream", async (t) => {
  const { url } = await startNode(t, guarded);
  const { status, json } = await call(`${url}/events?channel=public&channel=secret`, {
    headers: { Accept: "text/event-stream", ...as("bob") },
  });
  assert.deepEqual([status, json.code], [403, "forbidden"]);
});

test("[AUTH-1] events carry the user who published them, whatever the publisher says", async (t) => {
  const { url } = await startNode(t, guarded);
  await post(`${url}/channels/public`, '{"data":1,"from":"bob"}\n', {
    "Content-Type": "application/x-ndjson",
    ...as("ada"),
  });
  const client = await SocketClient.open(t, `${url}/channels/public`, { headers: as("ada") });
  client.socket.send("2");
  await until(() => client.messages.some(({ control }) => control === "published"));
  const { json } = await call(`${url}/channels/public`, { headers: as("bob") });
  assert.deepEqual(
    json.events.map(({ from }: { from: string }) => from),
    ["ada", "ada"],
  );
});

test("[AUTH-1] a principal that expires is let go on every transport", async (t) => {
  const { holdfast, url } = await startNode(t, {
    authenticate: (token) => ({ user: "ada", expiresAt: token === "old" ? 1 : Date.now() + 1500 }),
    authorize: () => true,
    limits: { waitMsMax: 3_600_000 },
  });
  assert.equal((await call(`${url}/channels/a`, { headers: as("old") })).status, 401);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  const session = await StreamClient.open(t, `${url}/connect`, { body: hello("x", { channel: "a" }) });
  const plain = await SocketClient.open(t, `${url}/channels/a`);
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello("x", { channel: "a" }));
  const poll = call(`${url}/channels/a?wait=3600`);
  const answer = post(`${url}/connect?wait=3600`, JSON.stringify(hello("x", { channel: "a" })));
  assert.ok((await socket.message(0)).expiresAt > Date.now());
  assert.deepEqual(await plain.closes(), { code: 4401, reason: "token_expired" });
  assert.deepEqual(await socket.closes(), { code: 4401, reason: "token_expired" });
  assert.ok(socket.messages.some(({ type }) => type === "expiring"));
  await stream.ends();
  await session.ends();
  assert.equal(session.messages.at(-1).code, "token_expired");
  assert.deepEqual((await poll).json.events, []);
  assert.equal((await answer).status, 200);
  await forgotten(holdfast);
});

test("[AUTH-1] [EXP-4] a token is renewed in place, and a refused one changes nothing", async (t) => {
  const { holdfast, url } = await startNode(t, guarded);
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(hello("ada", { channel: "a" }, { channel: "public" }));
  await client.message(2);
  client.say({ type: "auth", token: "mallory" });
  assert.equal((await client.message(3)).code, "unauthenticated");
  await holdfast.publish("a", 1);
  assert.equal((await client.message(4)).type, "events");
  client.say({ type: "auth", token: "bob" });
  assert.equal((await client.message(5)).code, "forbidden", "another user");
  client.say({ type: "auth", token: "poor-ada" });
  const ended = await client.message(6);
  assert.deepEqual([ended.type, ended.channel, ended.code], ["unsubscribed", "a", "forbidden"]);
  assert.deepEqual(await client.message(7), { type: "renewed", user: "ada" });
  await holdfast.publish("a", 2);
  await holdfast.publish("public", 3);
  assert.equal((await client.message(8)).channel, "public");
});

test("[AUTH-1] [BND-1] what is said while the token is being checked waits, and is then heard in order", async (t) => {
  let allow: (() => void) | undefined;
  const { url } = await startNode(t, {
    authenticate: (token) =>
      token === undefined ? {} : new Promise((resolve) => (allow = () => resolve({ user: token }))),
    authorize: () => true,
  });
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(hello("ada"));
  const padding = "x".repeat(50_000);
  for (let ref = 0; ref < 400; ref++) {
    client.say({ type: "publish", ref, channel: "a", events: [{ data: padding }] });
  }
  await until(() => allow !== undefined);
  // 20 MB that nobody reads: what the sockets cannot hold stays with the client.
  assert.notEqual(await settled(() => client.socket.bufferedAmount), 0);
  allow?.();
  await client.message(400);
  assert.equal(client.socket.bufferedAmount, 0);
  assert.deepEqual(
    client.messages.slice(1).map(({ type, ref }) => [type, ref]),
    [...Array(400).keys()].map((ref) => ["published", ref]),
  );
});

test("a node without authentication refuses to listen to other machines, and says what to do", async () => {
  const holdfast = createHoldfast();
  for (const host of ["0.0.0.0", "::", "192.168.1.5", "example.com"]) {
    await assert.rejects(holdfast.listen({ port: 0, host }), {
      name: "ConfigurationError",
      message: /Without authentication.*"authenticate".*"open: true"/,
    });
  }
  const { url } = await holdfast.listen({ port: 0, host: "localhost" });
  assert.match(url, /^http:\/\/localhost:/);
  await holdfast.close();
});

test("a node without authentication serves nobody who comes from elsewhere, or through a proxy", async (t) => {
  const { url, port } = await startNode(t);
  for (const headers of [
    { "X-Forwarded-For": "203.0.113.7" },
    { Forwarded: "for=203.0.113.7" },
    { "X-Real-IP": "203.0.113.7" },
  ]) {
    const { status, json } = await call(`${url}/channels/a`, { headers: headers as Record<string, string> });
    assert.deepEqual([status, json.code], [403, "forbidden"]);
    assert.match(json.detail, /open: true/);
  }
  // A page that has its own name point to this machine says so in Host.
  const rebound = new RawClient(t, port).send("GET /channels/a HTTP/1.1", "Host: evil.example", "", "");
  assert.equal(await rebound.code(), "forbidden");
  for (const host of ["localhost:7070", "127.0.0.1", "[::1]:7070", "app.localhost"]) {
    const client = new RawClient(t, port).send("GET /channels/a HTTP/1.1", `Host: ${host}`, "", "");
    await client.receives("200 OK");
  }
});

test("an open node serves everybody, and every page", async (t) => {
  const { url, port } = await startNode(t, { open: true });
  const client = new RawClient(t, port).send(
    "GET /channels/a HTTP/1.1",
    "Host: holdfast.example",
    "X-Forwarded-For: 203.0.113.7",
    "Origin: https://app.example",
    "",
    "",
  );
  await client.receives("200 OK");
  assert.match(client.received, /Access-Control-Allow-Origin: \*\r\n/);
  await SocketClient.open(t, `${url}/channels/a`, { headers: { Origin: "https://app.example" } });
});

for (const [access, options, friend] of [
  ["without authentication", {}, "http://localhost:5173"],
  ["with authentication", { ...guarded, origins: ["https://app.example"] }, "https://app.example"],
] as const) {
  test(`pages of other sites may not use a node ${access}, unless they are named`, async (t) => {
    const { url } = await startNode(t, options);
    const credential = as("ada");
    for (const origin of ["https://evil.example", "null", "http://localhost.evil.example"]) {
      const headers = { ...credential, Origin: origin };
      assert.equal((await call(`${url}/channels/a`, { headers })).json.code, "forbidden", origin);
      assert.equal((await SocketClient.refused(`${url}/connect`, { headers })).code, "forbidden");
    }
    const answer = await call(`${url}/channels/a`, { headers: { ...credential, Origin: friend } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("access-control-allow-origin"), friend);
    assert.match(answer.headers.get("access-control-expose-headers") ?? "", /ETag/);
    assert.match(answer.headers.get("vary") ?? "", /Origin/);
    const preflight = await call(`${url}/channels/a`, {
      method: "OPTIONS",
      headers: { Origin: friend, "Access-Control-Request-Method": "POST" },
    });
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /POST/);
    assert.match(preflight.headers.get("access-control-allow-headers") ?? "", /Idempotency-Key/);
    const own = await call(`${url}/channels/a`, { headers: { ...credential, Origin: url } });
    assert.equal(own.status, 200);
  });
}

for (const [how, fail] of [
  ["throws", () => assert.fail("the database is down")],
  ["rejects", () => Promise.reject(new Error("the database is down"))],
] as const) {
  for (const hook of ["authenticate", "authorize"] as const) {
    test(`[AUTH-14] an application whose ${hook} ${how} has not said no, and its fault is logged and not told`, async (t) => {
      const log: LogEntry[] = [];
      const { url } = await startNode(t, {
        authenticate: () => ({ user: "ada" }),
        authorize: () => true,
        [hook]: fail,
        logger: (entry) => log.push(entry),
      });
      const { status, json, headers, text } = await call(`${url}/channels/a`, { headers: as("t") });
      assert.deepEqual([status, json.code, json.retry], [503, "auth_unavailable", "retry"]);
      assert.ok(headers.get("retry-after"));
      assert.doesNotMatch(text, /database/);
      const refused = await SocketClient.refused(`${url}/channels/a`);
      assert.deepEqual([refused.status, refused.code], [503, "auth_unavailable"]);
      const faults = log.filter(({ message }) => message === `"${hook}" failed.`);
      assert.equal(faults.length, 2);
      assert.match(String(faults[0]?.["error"]), /the database is down/);
    });
  }
}

test("[AUTH-3] what the application grants may be written as text, and what is no grant lets nobody in", async (t) => {
  const log: LogEntry[] = [];
  const { url } = await startNode(t, {
    authenticate: (token) =>
      token === undefined ? null : { user: "ada", grants: [token.replace("=", " ")] },
    authorize: () => false,
    logger: (entry) => log.push(entry),
  });
  const read = async (channel: string, grant: string) =>
    (await call(`${url}/channels/${channel}`, { headers: as(grant) })).status;
  assert.equal(await read("news", "read,publish=news"), 200);
  assert.equal(await read("orders", "read,publish=news"), 403);
  assert.equal(await read("news", "look=news"), 503);
  const [fault] = log.filter(({ message }) => message === '"authenticate" failed.');
  assert.match(String(fault?.["error"]), /grants\.0\.actions must be some of read, publish/);
});
