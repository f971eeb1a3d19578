import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mock, test } from "node:test";
import type { Principal } from "@holdfast/core/server";
import { EventSource } from "eventsource";
import type { HoldfastOptions } from "../index.ts";
import { call, post, type Rig, SocketClient, StreamClient, startNode, until } from "../rig.test.ts";
import { as, believing, changePermissions, hello, newBroker, revoke, startNodes } from "./people.test.ts";
import { mint, secret } from "./rig.test.ts";

const ada: Principal = { user: "ada", issuedAt: 1000, tokenId: "t1" };

async function ticketFor(rig: Rig, headers: Record<string, string> = as(ada)): Promise<string> {
  const { status, json, headers: answered } = await post(`${rig.url}/tickets`, "", headers);
  assert.deepEqual([status, answered.get("cache-control")], [201, "no-store"]);
  return json.ticket as string;
}

const sse = { headers: { Accept: "text/event-stream" } };

test("[TICK-1] [TICK-2] a ticket opens each kind of connection once, on any node, as the one who traded for it", async (t) => {
  const [first, second = first] = await startNodes(t, 2);
  await first.holdfast.publish("a", 1);
  const with_ = async (path: string) => `${second.url}${path}ticket=${await ticketFor(first)}`;
  const json = await with_("/channels/a?after=oldest&");
  assert.equal((await call(json)).json.events.length, 1);
  const held = await with_("/channels/a?after=latest&wait=0.01&");
  assert.equal((await call(held)).status, 200);
  const stream = await with_("/channels/a?last=1&");
  await (await StreamClient.open(t, stream)).receives("data: 1");
  const events = await with_("/events?channel=a&channel=b&");
  await (await StreamClient.open(t, events)).receives("id:");
  const plain = await with_("/channels/a?");
  const socket = await SocketClient.open(t, plain);
  await socket.message(0);
  socket.socket.send("2");
  const session = await with_("/connect?");
  const client = await SocketClient.open(t, session);
  client.say(hello(undefined, "a"));
  assert.equal((await client.message(0)).user, "ada");
  await until(() => socket.messages.some(({ from }) => from === "ada"));
  for (const [url, init] of [
    [json, {}],
    [held, {}],
    [stream, sse],
    [events, sse],
  ] as const) {
    const { status, json: problem } = await call(url, init);
    assert.deepEqual([status, problem.code, problem.retry], [401, "unauthenticated", "reauthenticate"]);
    assert.match(problem.detail, /This ticket was used.*POST \/tickets.*EventSource/);
  }
  for (const url of [plain, session]) {
    assert.deepEqual(await SocketClient.refused(url), { status: 401, code: "unauthenticated" });
  }
});

test("[TICK-2] of all who use a ticket at the same moment, on whatever node, exactly one is let in", async (t) => {
  const [first, second = first] = await startNodes(t, 2);
  for (let round = 0; round < 10; round++) {
    const ticket = await ticketFor(first);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        call(`${(index % 2 ? first : second).url}/channels/a?ticket=${ticket}`),
      ),
    );
    assert.deepEqual(
      answers.map(({ status }) => status).toSorted(),
      [200, 401, 401, 401, 401, 401, 401, 401],
    );
  }
});

test("[TICK-2] a ticket is used once also where the log forgets ids at once, and for nodes that start later", async (t) => {
  const broker = newBroker({ idsMax: 0 });
  const [first] = await startNodes(t, 1, believing, broker);
  const ticket = await ticketFor(first);
  const statuses = async (rig: Rig) => {
    const both = [0, 1].map(() => call(`${rig.url}/channels/a?ticket=${ticket}`));
    return (await Promise.all(both)).map(({ status }) => status).toSorted();
  };
  assert.deepEqual(await statuses(first), [200, 401]);
  const later = await startNode(t, { ...believing, broker });
  assert.deepEqual(await statuses(later), [401, 401]);
});

test("[TICK-3] a ticket is over after 30 seconds, and with the credential if that is over sooner", async (t) => {
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  t.after(() => mock.timers.reset());
  const rig = await startNode(t, believing);
  const now = Date.now();
  const { json } = await post(`${rig.url}/tickets`, "", as(ada));
  assert.equal(json.expiresAt, now + 30_000);
  const short = await post(`${rig.url}/tickets`, "", as({ ...ada, expiresAt: now + 10_000 }));
  assert.equal(short.json.expiresAt, now + 10_000);
  mock.timers.setTime(now + 10_000);
  const late = await call(`${rig.url}/channels/a?ticket=${short.json.ticket}`);
  assert.equal(late.status, 401);
  mock.timers.setTime(now + 30_000);
  const over = await call(`${rig.url}/channels/a?ticket=${json.ticket}`);
  assert.deepEqual([over.status, over.json.code], [401, "unauthenticated"]);
  assert.match(over.json.detail, /its time is over/);
});

test("[TICK-3] a ticket has the authority that its credential has when it is used", async (t) => {
  let may = true;
  const [first, second = first] = await startNodes(t, 2, {
    ...believing,
    authorize: ({ user }, action) => user === "root" || (action === "read" && may),
  });
  const [lost, revoked] = [await ticketFor(first), await ticketFor(first)];
  may = false;
  await changePermissions(first, "ada");
  assert.equal((await call(`${second.url}/channels/a?ticket=${lost}`)).json.code, "forbidden");
  await revoke(first, { user: "ada" });
  assert.equal((await call(`${second.url}/channels/a?ticket=${revoked}`)).json.code, "token_revoked");
});

test("[TICK-1] a ticket is traded for what an application knows its users by, cookies as well", async (t) => {
  const rig = await startNode(t, {
    authenticate: (token, { headers }) => {
      const user = token ?? /user=(\w+)/.exec(String(headers.cookie))?.[1];
      return user === undefined ? null : { user };
    },
    authorize: () => true,
  });
  const ticket = await ticketFor(rig, { Cookie: "user=grace" });
  const client = await SocketClient.open(t, `${rig.url}/connect?ticket=${ticket}`, {
    headers: { Cookie: "user=eve" },
  });
  client.say(hello(undefined, "a"));
  assert.equal((await client.message(0)).user, "grace");
  const nobody = await post(`${rig.url}/tickets`, "");
  assert.deepEqual([nobody.status, nobody.json.code], [401, "unauthenticated"]);
});

test("[TICK-1] [TICK-4] a cookie is traded where its page may, and no other that comes along counts beside a ticket", async (t) => {
  const rig = await startNode(t, {
    auth: { tokens: { keys: [{ secret }], audience: [] }, cookie: "session" },
  });
  const { url } = rig;
  const cookieOf = async (sub: string) => ({
    Cookie: `session=${await mint({ sub, holdfast: { grants: ["read a"] } })}`,
  });
  const foreign = { ...(await cookieOf("ada")), Origin: "https://evil.example" };
  assert.equal((await post(`${url}/tickets`, "", foreign)).status, 403);
  assert.equal((await post(`${url}/tickets`, "", { Cookie: "session=stale" })).status, 401);
  const ticket = await ticketFor(rig, { ...(await cookieOf("ada")), Origin: url });
  const client = await SocketClient.open(t, `${url}/connect?ticket=${ticket}`, {
    headers: { ...(await cookieOf("eve")), "Sec-Fetch-Site": "cross-site", Origin: url },
  });
  client.say(hello(undefined, "a"));
  assert.equal((await client.message(0)).user, "ada");
});

test("[TICK-4] tickets belong to what opens a connection, alone, and once", async (t) => {
  const rig = await startNode(t, believing);
  const { url } = rig;
  const ticket = await ticketFor(rig);
  for (const [path, init] of [
    [`/channels/a?ticket=${ticket}&ticket=${ticket}`, {}],
    [`/channels/a?ticket=${ticket}`, { headers: as(ada) }],
    [`/tickets?ticket=${ticket}`, { method: "POST", headers: as(ada) }],
    [
      `/channels/a?ticket=${ticket}`,
      { method: "POST", headers: { ...as(ada), "Content-Type": "text/plain" } },
    ],
    [`/channels/a/state?ticket=${ticket}`, { headers: as(ada) }],
    [`/connect?ticket=${ticket}`, { method: "POST", headers: as(ada) }],
  ] as const) {
    const { status, json } = await call(`${url}${path}`, init);
    assert.deepEqual([status, json.code], [400, "bad_parameter"], path);
  }
  assert.equal((await call(`${url}/channels/a/state?ticket=${ticket}`)).status, 401);
  // None of these has used it.
  assert.equal((await call(`${url}/channels/a?ticket=${ticket}`)).status, 200);
});

test("[TICK-2] what is no ticket is refused, whatever it looks like", async (t) => {
  const rig = await startNode(t, believing);
  const ticket = await ticketFor(rig);
  const [secret = "", place = ""] = ticket.split(".");
  const [epoch = "", offset = ""] = place.split("-");
  for (const bad of [
    "",
    "x",
    secret,
    `${secret}.`,
    `${secret}.${epoch}-0`,
    `${secret}.${epoch}-${Number(offset) + 1}`,
    `${secret}.other-${offset}`,
    `${secret}.${epoch}-9007199254740993`,
    `${"A".repeat(43)}.${place}`,
    `${ticket}.${place}`,
    "%00",
  ]) {
    const { status, json } = await call(`${rig.url}/channels/a?ticket=${bad}`);
    assert.deepEqual([status, json.code], [401, "unauthenticated"], bad);
  }
  assert.equal((await call(`${rig.url}/channels/a?ticket=${ticket}`)).status, 200);
});

test("[TICK-5] [BND-2] tickets are bounded by user and by node, and the refusal says when to come back", async (t) => {
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  t.after(() => mock.timers.reset());
  const limits: HoldfastOptions["limits"] = { ticketsMax: 3, ticketsPerUserMax: 2 };
  const rig = await startNode(t, { ...believing, limits });
  const make = (user: string) => post(`${rig.url}/tickets`, "", as({ user }));
  for (const user of ["ada", "ada"]) assert.equal((await make(user)).status, 201);
  mock.timers.tick(1000);
  const personal = await make("ada");
  assert.deepEqual([personal.status, personal.json.code], [429, "rate_limited"]);
  assert.deepEqual([personal.json.retryAfterMs, personal.headers.get("retry-after")], [29_000, "29"]);
  assert.match(personal.json.detail, /ticketsPerUserMax/);
  assert.equal((await make("bob")).status, 201);
  const common = await make("eve");
  assert.deepEqual([common.status, common.json.code], [503, "overloaded"]);
  assert.match(common.json.detail, /ticketsMax/);
  mock.timers.tick(29_000);
  assert.equal((await make("ada")).status, 201);
});

test("[TICK-5] a user who has too many is told when there is room for one of theirs, whatever others have", async (t) => {
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  t.after(() => mock.timers.reset());
  const rig = await startNode(t, { ...believing, limits: { ticketsPerUserMax: 2 } });
  const make = (user: string) => post(`${rig.url}/tickets`, "", as({ user }));
  assert.equal((await make("bob")).status, 201);
  mock.timers.tick(1500);
  for (const user of ["ada", "ada"]) assert.equal((await make(user)).status, 201);
  mock.timers.tick(1500);
  const { json } = await make("ada");
  assert.deepEqual([json.retryAfterMs, json.limit], [28_500, "ticketsPerUserMax"]);
});

test("[TICK-5] a clock that is set back keeps nobody waiting for the time that it was", async (t) => {
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  t.after(() => mock.timers.reset());
  const rig = await startNode(t, { ...believing, limits: { ticketsPerUserMax: 1 } });
  const make = async () => (await post(`${rig.url}/tickets`, "", as(ada))).status;
  assert.deepEqual([await make(), await make()], [201, 429]);
  mock.timers.setTime(Date.now() - 3_600_000);
  // The node finds it out by itself, a moment later.
  let status = await make();
  while (status === 429) status = await make();
  assert.equal(status, 201);
});

test("[TICK-2] an EventSource that comes back with a used ticket is refused, which ends it; a new one goes on", async (t) => {
  const rig = await startNode(t, believing);
  const server = createServer();
  t.after(rig.holdfast.attach(server));
  t.after(() => server.close());
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const open = async (after: string) => {
    const url = `http://127.0.0.1:${port}/channels/a?after=${after}&ticket=${await ticketFor(rig)}`;
    const source = new EventSource(url);
    t.after(() => source.close());
    const seen: string[] = [];
    const last = { id: "" };
    source.onmessage = ({ data, lastEventId }) => {
      seen.push(data as string);
      last.id = lastEventId;
    };
    return { source, seen, last };
  };
  const first = await open("oldest");
  await rig.holdfast.publish("a", 1);
  await until(() => first.seen.length === 1);
  const codes: (number | undefined)[] = [];
  first.source.onerror = ({ code }) => codes.push(code);
  server.closeAllConnections();
  await until(() => first.source.readyState === first.source.CLOSED);
  assert.equal(codes.at(-1), 401);
  await rig.holdfast.publish("a", 2);
  const second = await open(first.last.id);
  await until(() => second.seen.length === 1);
  assert.deepEqual([first.seen, second.seen], [["1"], ["2"]]);
  server.closeAllConnections();
});
