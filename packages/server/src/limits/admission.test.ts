import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { defaultLimits, type Limits } from "@holdfast/protocol";
import { WebSocket } from "ws";
import type { HoldfastOptions } from "../index.ts";
import { Meters } from "../metrics/meters.ts";
import type { Node } from "../node.ts";
import {
  call,
  connections,
  forgotten,
  post,
  RawClient,
  SocketClient,
  StreamClient,
  startNode,
  until,
} from "../rig.test.ts";
import { Admission } from "./admission.ts";

const signedIn: HoldfastOptions = {
  authenticate: (token) => (token === undefined ? null : { user: token }),
  authorize: () => true,
};
const as = (user: string, more: Record<string, string> = {}) => ({
  headers: { Authorization: `Bearer ${user}`, ...more },
});
const from = (address: string) => ({ "X-Forwarded-For": address });
const proxied: HoldfastOptions = { ...signedIn, trustedProxies: ["loopback"] };

/** A document of a refusal, with the header that goes with it. */
async function refusalOf(url: string, headers: Record<string, string>) {
  const socket = new WebSocket(url.replace(/^http/, "ws"), { headers });
  socket.on("error", () => {});
  const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
  const after = response.headers["retry-after"];
  const { code, limit, retryAfterMs } = JSON.parse(text) as Record<string, unknown>;
  return {
    status: response.statusCode,
    code,
    limit,
    isTold: Number(after) === Math.ceil(Number(retryAfterMs) / 1000),
  };
}

const tooMany = (limit: keyof Limits) => ({ status: 429, code: "too_many_connections", limit, isTold: true });

test("[LIM-9] [LIM-2] a user has as many streams and WebSockets as it may, over all transports, and others theirs", async (t) => {
  const { url } = await startNode(t, { ...signedIn, limits: { connectionsPerUserMax: 2 } });
  const first = await SocketClient.open(t, `${url}/channels/a`, as("ada"));
  await first.message(0);
  const second = await StreamClient.open(t, `${url}/channels/a`, as("ada"));
  await second.receives("id:");
  const refused = tooMany("connectionsPerUserMax");
  assert.deepEqual(await refusalOf(`${url}/channels/a`, as("ada").headers), refused);
  assert.deepEqual(await refusalOf(`${url}/connect`, as("ada").headers), refused);
  const held = await call(`${url}/channels/a?after=latest&wait=5`, as("ada"));
  assert.deepEqual(
    [held.status, held.json.code, held.json.limit],
    [429, "too_many_connections", refused.limit],
  );
  assert.match(held.headers.get("retry-after") ?? "", /^[1-5]$/);
  // An EventSource would give up at a status, so it is told as CALM-6 has it.
  const stream = await call(`${url}/channels/a`, {
    headers: { ...as("ada").headers, Accept: "text/event-stream" },
  });
  assert.match(stream.text, /^retry: \d+\nevent: reconnect\ndata: .*"reason":"too_many_connections"/);
  const hello = { type: "hello", subscriptions: [] };
  const session = await post(`${url}/connect`, JSON.stringify(hello), {
    ...as("ada").headers,
    Accept: "application/json",
  });
  assert.equal(session.json.code, "too_many_connections");
  await SocketClient.open(t, `${url}/channels/a`, as("bob"));
  first.socket.close();
  await first.closes();
  await SocketClient.open(t, `${url}/channels/a`, as("ada"));
});

test("[LIM-9] [LIM-4] who says who it is only in hello is told there, and closed with the delay", async (t) => {
  const { url } = await startNode(t, { ...signedIn, limits: { connectionsPerUserMax: 1 } });
  const clients = [];
  for (const token of ["ada", "ada", "bob"]) {
    const client = await SocketClient.open(t, `${url}/connect`);
    client.say({ type: "hello", token, subscriptions: [] });
    await client.message(0);
    clients.push(client);
  }
  const [first, second, third] = clients;
  assert.deepEqual([first?.messages[0].type, third?.messages[0].type], ["welcome", "welcome"]);
  const { type, code, limit } = second?.messages[0] ?? {};
  assert.deepEqual([type, code, limit], ["error", "too_many_connections", "connectionsPerUserMax"]);
  const closed = await second?.closes();
  assert.equal(closed?.code, 4429);
  assert.match(closed?.reason ?? "", /^too_many_connections; retry-after-ms=[1-5]\d{3}$/);
});

test("[LIM-9] who has gone before it was known who that is is not counted as somebody who is here", async (t) => {
  let answer: (() => void) | undefined;
  const { url, holdfast } = await startNode(t, {
    ...signedIn,
    authenticate: async (token) => {
      if (token === "ada" && answer === undefined) await new Promise<void>((resolve) => (answer = resolve));
      return token === undefined ? null : { user: token };
    },
    limits: { connectionsPerUserMax: 1 },
  });
  const hello = { type: "hello", token: "ada", subscriptions: [] };
  const first = await SocketClient.open(t, `${url}/connect`);
  first.say(hello);
  await until(() => answer !== undefined);
  first.socket.terminate();
  await forgotten(holdfast);
  answer?.();
  const second = await SocketClient.open(t, `${url}/connect`);
  second.say(hello);
  assert.equal((await second.message(0)).type, "welcome");
});

test("[LIM-9] upgrades that come together are not more than a user may have, however long their permission takes", async (t) => {
  const answers: ((isAllowed: boolean) => void)[] = [];
  const { url, holdfast } = await startNode(t, {
    ...signedIn,
    authorize: () => new Promise<boolean>((resolve) => answers.push(resolve)),
    limits: { connectionsPerUserMax: 1 },
  });
  const outcomes: string[] = [];
  for (let n = 0; n < 3; n++) {
    const socket = new WebSocket(`${url.replace(/^http/, "ws")}/channels/a`, as("ada"));
    t.after(() => socket.terminate());
    socket.on("error", () => {});
    socket.on("open", () => outcomes.push("open"));
    socket.on("unexpected-response", (_request, response) => outcomes.push(String(response.statusCode)));
  }
  await until(() => answers.length === 3);
  for (const answer of answers.splice(0)) answer(true);
  await until(() => outcomes.length === 3);
  assert.deepEqual(outcomes.sort(), ["429", "429", "open"]);
  await until(() => answers.length === 1);
  answers[0]?.(true);
  assert.equal(holdfast.stats().sessions, 1);
});

test("[LIM-9] [LIM-5] an address has as many as it may, and is the client's behind a trusted proxy", async (t) => {
  const { holdfast, url } = await startNode(t, { ...proxied, limits: { connectionsPerAddressMax: 1 } });
  const open = (address: string) => SocketClient.open(t, `${url}/channels/a`, as("ada", from(address)));
  const first = await open("203.0.113.1");
  await first.message(0);
  const refuse = (address: string) => refusalOf(`${url}/channels/a`, as("bob", from(address)).headers);
  assert.deepEqual(await refuse("203.0.113.1"), tooMany("connectionsPerAddressMax"));
  assert.deepEqual(await refuse("6.6.6.6, 203.0.113.1"), tooMany("connectionsPerAddressMax"));
  await open("203.0.113.2");
  await open("2001:db8::1");
  assert.deepEqual(await refuse("2001:db8::ffff"), tooMany("connectionsPerAddressMax"), "one network");
  first.socket.close();
  await until(() => holdfast.stats().sessions === 2);
  await open("203.0.113.1");
});

test("[LIM-9] what a stranger says of its address changes nothing, and neither does a neighbour's address unless nobody is a proxy", async (t) => {
  const limits = { connectionsPerAddressMax: 1 };
  const { url, log } = await startNode(t, { ...signedIn, limits });
  for (let n = 0; n < 3; n++) {
    await (await SocketClient.open(t, `${url}/channels/a`, as("ada", from("203.0.113.1")))).message(0);
  }
  assert.equal(log.filter(({ message }) => message.includes("trustedProxies")).length, 1, "told once");
  const alone = await startNode(t, { ...signedIn, limits, trustedProxies: [] });
  const first = new RawClient(t, alone.port).send(
    "GET /channels/a HTTP/1.1",
    "Host: localhost",
    "Authorization: Bearer ada",
    "",
    "",
  );
  await first.receives('"gap":null}');
  const second = new RawClient(t, alone.port).send(
    "GET /channels/a HTTP/1.1",
    "Host: localhost",
    "X-Forwarded-For: 203.0.113.9",
    "",
    "",
  );
  assert.equal(await second.code(), "too_many_connections");
  assert.match(
    second.received,
    /^HTTP\/1\.1 429 [\s\S]*Retry-After: \d[\s\S]*"limit":"connectionsPerAddressMax"/,
  );
  const third = new RawClient(t, alone.port);
  await third.closes();
  first.socket.destroy();
  await connections(alone.holdfast, 0);
});

test("[LIM-10] streams and WebSockets of an address begin at its rate, whatever others do; requests are not counted", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_790_000_000_000 });
  const limits = { handshakesPerAddressPerSecond: 1, rateBurstMs: 2000 };
  const { url } = await startNode(t, { ...proxied, limits });
  const headers = as("ada", from("203.0.113.1")).headers;
  for (let n = 0; n < 2; n++) await SocketClient.open(t, `${url}/channels/a`, { headers });
  const { status, code, limit, isTold } = await refusalOf(`${url}/connect`, headers);
  assert.deepEqual(
    { status, code, limit, isTold },
    {
      status: 429,
      code: "rate_limited",
      limit: "handshakesPerAddressPerSecond",
      isTold: true,
    },
  );
  const stream = await call(`${url}/channels/a`, { headers: { ...headers, Accept: "text/event-stream" } });
  assert.match(stream.text, /event: reconnect\ndata: .*"reason":"rate_limited"/);
  for (let n = 0; n < 5; n++) assert.equal((await call(`${url}/channels/a`, { headers })).status, 200);
  await SocketClient.open(t, `${url}/channels/a`, as("bob", from("203.0.113.2")));
});

function admission(limits: Partial<Limits>) {
  let now = 1_790_000_000_000;
  const meters = new Meters({} as Node);
  const one = new Admission({
    limits: { ...defaultLimits, ...limits },
    meters,
    now: () => now,
    random: () => 0,
  });
  return {
    admission: one,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

/** How long who comes now is to wait, in ms; 0 for whoever is let in. */
function waits(one: Admission, address?: string): number {
  try {
    one.handshake(address);
    return 0;
  } catch (error) {
    return (error as { retryAfterMs: number }).retryAfterMs;
  }
}

test("[LIM-10] those who are refused get places in line at the rate, and none that is farther than a minute", () => {
  const { admission: one, pass } = admission({ handshakesPerSecond: 10, rateBurstMs: 100 });
  const crowd = Array.from({ length: 1000 }, () => waits(one));
  assert.equal(crowd[0], 0);
  assert.deepEqual(crowd.slice(1, 5), [100, 200, 300, 400]);
  assert.ok(Math.max(...crowd) <= 60_100);
  assert.equal(new Set(crowd.slice(0, 600)).size, 600, "no two of those who fit come back together");
  pass(100);
  assert.equal(waits(one), 0);
  one.clockSet();
  assert.equal(waits(one), 0, "a clock that was set holds nobody up");
});

test("[BND] nothing is kept of clients that are no longer here, and a limit of 0 is none", async (t) => {
  const { admission: one } = admission({
    connectionsPerAddressMax: 0,
    connectionsPerUserMax: 0,
    handshakesPerAddressPerSecond: 0,
  });
  const clients = Array.from({ length: 2000 }, (_, n) => ({
    address: "192.0.2.1",
    user: n % 2 ? "ada" : undefined,
  }));
  for (const client of clients) {
    one.checkRoom(0, client);
    one.handshake(client.address);
    one.enter(client);
    one.identify(client, "bob");
  }
  for (const client of clients) one.leave(client);
  assert.equal(one.size, 0);
  const { holdfast, url } = await startNode(t, proxied);
  const opened = await Promise.all(
    [1, 2, 3].map((n) => SocketClient.open(t, `${url}/channels/a`, as("ada", from(`203.0.113.${n}`)))),
  );
  for (const { socket } of opened) socket.terminate();
  await forgotten(holdfast);
});

test("[LIM-1] [LIM-2] over HTTP what is beyond the rate is answered 429, a batch counts its events, and what the application publishes is not counted", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_790_000_000_000 });
  const limits = { publishesPerUserPerSecond: 10, rateBurstMs: 1000 };
  const { holdfast, url } = await startNode(t, { ...signedIn, limits });
  const batch = Array.from({ length: 10 }, (_, n) => `{"data":${n}}`).join("\n");
  const { headers } = as("ada");
  const first = await post(`${url}/channels/a`, batch, {
    ...headers,
    "Content-Type": "application/x-ndjson",
  });
  assert.equal(first.status, 201);
  const refused = await post(`${url}/channels/a`, "1", headers);
  assert.deepEqual(
    [refused.status, refused.json.code, refused.json.limit],
    [429, "rate_limited", "publishesPerUserPerSecond"],
  );
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.ok(
    refused.json.retryAfterMs > 0 && refused.json.retryAfterMs <= 500,
    String(refused.json.retryAfterMs),
  );
  const signal = await post(`${url}/channels/a/signals`, '{"data":1}', headers);
  assert.equal(signal.status, 429);
  assert.equal((await post(`${url}/channels/a`, "1", as("bob").headers)).status, 201);
  for (let n = 0; n < 100; n++) await holdfast.publish("a", n, { from: "ada" });
  const metrics = await call(`${url}/metrics`, { headers });
  assert.match(metrics.text, /holdfast_refusals_total\{[^}]*limit="publishesPerUserPerSecond"[^}]*\} 2/);
});

test("[LIM-11] who asks without an upgrade is told what an upgrade would be, and when to come back", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_790_000_000_000 });
  const { holdfast, url } = await startNode(t, {
    limits: { connectionsMax: 2, handshakesPerSecond: 2, rateBurstMs: 1000 },
  });
  assert.equal((await call(`${url}/connect`)).json.code, "method_not_allowed");
  await SocketClient.open(t, `${url}/channels/a`);
  const limited = await call(`${url}/connect`);
  assert.deepEqual([limited.status, limited.json.limit], [429, "handshakesPerSecond"]);
  assert.ok(limited.json.retryAfterMs > 0);
  assert.equal(holdfast.stats().sessions, 1);
});
