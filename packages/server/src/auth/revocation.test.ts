import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as nextTurn } from "node:timers/promises";
import type { Principal } from "@holdfast/core/server";
import { subprotocols } from "@holdfast/protocol";
import { msgpackCodec } from "@holdfast/protocol/msgpack";
import { WebSocket } from "ws";
import {
  call,
  faultyBroker,
  post,
  type Rig,
  SocketClient,
  StreamClient,
  startNode,
  until,
} from "../rig.test.ts";
import {
  as,
  believing,
  changePermissions,
  hello,
  newBroker,
  revoke,
  root,
  startNodes,
} from "./people.test.ts";

const ada: Principal = { user: "ada", issuedAt: 1000, tokenId: "t1", session: "s1" };

/** Opens one connection that stays, and tells how it ends. */
type Opening = (t: TestContext, rig: Rig, principal: Principal) => Promise<() => Promise<string>>;

const openings: Record<string, Opening> = {
  async websocket(t, { url }, principal) {
    const client = await SocketClient.open(t, `${url}/connect`);
    client.say(hello(principal, "a"));
    await client.message(1);
    return async () => Object.values(await client.closes()).join(" ");
  },
  async msgpack(t, { url }, principal) {
    const socket = new WebSocket(`${url.replace("http", "ws")}/connect`, [subprotocols.msgpack], {
      headers: as(principal),
      perMessageDeflate: false,
    });
    t.after(() => socket.terminate());
    let heard = 0;
    let closed: string | undefined;
    socket.on("message", () => heard++);
    socket.on("close", (code, reason) => {
      closed = `${code} ${reason.toString()}`;
    });
    socket.on("open", () =>
      socket.send(msgpackCodec.encode({ type: "hello", subscriptions: [{ channel: "a" }] })),
    );
    await until(() => heard >= 2);
    return async () => {
      await until(() => closed !== undefined);
      return closed ?? "";
    };
  },
  async "plain websocket"(t, { url }, principal) {
    const client = await SocketClient.open(t, `${url}/channels/a`, { headers: as(principal) });
    await client.message(0);
    return async () => Object.values(await client.closes()).join(" ");
  },
  async "sse session"(t, { url }, principal) {
    const stream = await StreamClient.open(t, `${url}/connect`, { body: hello(principal, "a") });
    await until(() => stream.messages.length >= 2);
    return async () => {
      await stream.ends();
      return stream.messages.at(-1).code as string;
    };
  },
  async "plain sse"(t, { url }, principal) {
    const stream = await StreamClient.open(t, `${url}/channels/a`, { headers: as(principal) });
    await stream.receives("id:");
    return async () => {
      await stream.ends();
      return "ended";
    };
  },
  async events(t, { url }, principal) {
    const stream = await StreamClient.open(t, `${url}/events?channel=a&channel=b`, {
      headers: as(principal),
    });
    await stream.receives("id:");
    return async () => {
      await stream.ends();
      return "ended";
    };
  },
  async "long poll"(_t, { url, holdfast }, principal) {
    const before = holdfast.stats().waiters;
    const answer = call(`${url}/channels/a?wait=50&after=latest`, { headers: as(principal) });
    await until(() => holdfast.stats().waiters > before);
    return async () => {
      const { status, json } = await answer;
      return `${status} ${json.code}`;
    };
  },
  async "session answer"(_t, { url, holdfast }, principal) {
    const before = holdfast.stats().readers;
    const answer = post(`${url}/connect?wait=50`, JSON.stringify(hello(principal, "a")));
    await until(() => holdfast.stats().readers > before);
    return async () => {
      const { json } = await answer;
      return json.messages.at(-1).code as string;
    };
  },
};

const ends: Record<string, { revoked: string; lost: string }> = {
  websocket: { revoked: "4401 token_revoked", lost: "" },
  msgpack: { revoked: "4401 token_revoked", lost: "" },
  "plain websocket": { revoked: "4401 token_revoked", lost: "4403 forbidden" },
  "sse session": { revoked: "token_revoked", lost: "" },
  "plain sse": { revoked: "ended", lost: "ended" },
  events: { revoked: "ended", lost: "ended" },
  "long poll": { revoked: "401 token_revoked", lost: "403 forbidden" },
  "session answer": { revoked: "token_revoked", lost: "" },
};

for (const [name, open] of Object.entries(openings)) {
  test(`[REV-1] [REV-4] what was revoked on one node ends on another: ${name}`, async (t) => {
    const [first, second = first] = await startNodes(t, 2);
    const end = await open(t, second, ada);
    const other = await SocketClient.open(t, `${second.url}/connect`);
    other.say(hello({ user: "bob" }, "a"));
    await other.message(1);
    const { status, json } = await revoke(first, { user: "ada" });
    assert.deepEqual([status, json.user], [201, "ada"]);
    assert.equal(await end(), ends[name]?.revoked);
    await first.holdfast.publish("a", 1);
    assert.equal((await other.message(2)).type, "events");
    await until(() => second.holdfast.stats().sessions + second.holdfast.stats().waiters === 1);
  });

  if (ends[name]?.lost !== "") {
    test(`[REV-5] [REV-10] who may not read any more is let go: ${name}`, async (t) => {
      let may = true;
      const [first, second = first] = await startNodes(t, 2, {
        ...believing,
        authorize: ({ user }, action) => user === "root" || (action === "read" && may),
      });
      const end = await open(t, second, ada);
      may = false;
      assert.equal((await changePermissions(first, "bob")).status, 202);
      assert.equal((await changePermissions(first, "ada")).status, 202);
      assert.equal(await end(), ends[name]?.lost);
      await until(() => second.holdfast.stats().readers === 0);
    });
  }
}

const targets: readonly [revoked: Record<string, string>, others: readonly Principal[]][] = [
  [
    { user: "ada" },
    [
      { user: "ada", issuedAt: 4e12 },
      { user: "bob", issuedAt: 1000 },
    ],
  ],
  [{ token: "t1" }, [{ ...ada, tokenId: "t2" }, { user: "ada" }]],
  [
    { session: "s1" },
    [
      { ...ada, session: "s2" },
      { ...ada, issuedAt: 4e12 },
    ],
  ],
];
for (const [target, others] of targets) {
  test(`[REV-2] [REV-3] ${JSON.stringify(target)} is refused everywhere, also by nodes that start later`, async (t) => {
    const broker = newBroker();
    const [first, second = first] = await startNodes(t, 2, believing, broker);
    const renewed = await SocketClient.open(t, `${second.url}/connect`);
    renewed.say(hello({ user: ada.user as string, issuedAt: 4e12 }, "a"));
    await renewed.message(1);
    await revoke(first, target);
    const later = await startNode(t, { ...believing, broker });
    for (const { url } of [first, second, later]) {
      for (const [path, init] of [
        ["/channels/a", {}],
        ["/channels/a?wait=5", {}],
        ["/channels/a", { headers: { Accept: "text/event-stream" } }],
        ["/events?channel=a", { headers: { Accept: "text/event-stream" } }],
        ["/channels/a", { method: "POST", body: "1", headers: { "Content-Type": "application/json" } }],
        ["/channels/a/state", {}],
        ["/channels/a/presence", {}],
        ["/tickets", { method: "POST" }],
      ] as const) {
        const headers = { ...("headers" in init ? init.headers : {}), ...as(ada) };
        const { status, json } = await call(`${url}${path}`, { ...init, headers });
        assert.deepEqual([status, json.code, json.retry], [401, "token_revoked", "reauthenticate"], path);
      }
      for (const accept of ["application/json", "text/event-stream"]) {
        const { json } = await post(`${url}/connect`, JSON.stringify(hello(ada, "a")), { Accept: accept });
        assert.equal(json.code, "token_revoked");
      }
      for (const path of ["/connect", "/channels/a"]) {
        const refusal = await SocketClient.refused(`${url}${path}`, { headers: as(ada) });
        assert.deepEqual(refusal, { status: 401, code: "token_revoked" });
      }
      const socket = await SocketClient.open(t, `${url}/connect`);
      socket.say(hello(ada, "a"));
      assert.deepEqual(await socket.closes(), { code: 4401, reason: "token_revoked" });
      for (const other of others) {
        assert.equal((await call(`${url}/channels/a`, { headers: as(other) })).status, 200);
      }
    }
    if ("user" in target) {
      renewed.say({ type: "auth", token: JSON.stringify(ada) });
      const answer = await renewed.message(2);
      assert.deepEqual([answer.type, answer.code], ["error", "token_revoked"]);
    }
    const { json } = await call(`${first.url}/channels/a`, { headers: root });
    assert.deepEqual(json.events, []);
  });
}

test("[REV-9] a connection is closed by its id, and its token does not come back; one without an id does", async (t) => {
  const [first, second = first] = await startNodes(t, 2);
  const named = await SocketClient.open(t, `${second.url}/connect`);
  named.say(hello(ada, "a"));
  const twin = await SocketClient.open(t, `${second.url}/connect`);
  twin.say(hello({ ...ada, tokenId: "t2" }, "a"));
  const unnamed = await SocketClient.open(t, `${second.url}/connect`);
  unnamed.say(hello({ user: "bob" }, "a"));
  await twin.message(1);
  for (const client of [named, unnamed]) {
    const { session } = await client.message(0);
    assert.equal((await revoke(first, { session })).status, 201);
    assert.deepEqual(await client.closes(), { code: 4401, reason: "token_revoked" });
  }
  const statusOf = async (principal: Principal) =>
    (await call(`${first.url}/channels/a`, { headers: as(principal) })).status;
  let status = 200;
  while (status === 200) status = await statusOf(ada);
  assert.deepEqual([status, await statusOf({ user: "bob" })], [401, 200]);
  assert.equal(twin.closed, undefined);
});

test("[REV-5] a session loses what it may not have, is told so once, and reads on", async (t) => {
  const lost = new Set<string>();
  const [first, second = first] = await startNodes(t, 2, {
    ...believing,
    authorize: ({ user }, _action, channel) => user === "root" || !lost.has(channel),
  });
  const client = await SocketClient.open(t, `${second.url}/connect`);
  const { type, subscriptions, token } = hello(ada, "a", "b", "c") as {
    type: string;
    token: string;
    subscriptions: object[];
  };
  client.say({ type, token, subscriptions: subscriptions.map((one) => ({ ...one, join: { name: "ada" } })) });
  await client.message(3);
  await until(() => second.holdfast.stats().readers === 3);
  const members = async (channel: string) =>
    (await call(`${second.url}/channels/${channel}/presence`, { headers: root })).json.members
      .length as number;
  assert.deepEqual([await members("a"), await members("b")], [1, 1]);
  lost.add("a").add("c");
  await first.holdfast.permissionsChanged({ user: "ada" });
  const told = [await client.message(4), await client.message(5)];
  assert.deepEqual(
    told.map(({ type, channel, code, reason }) => [type, channel, code, typeof reason]),
    [
      ["unsubscribed", "a", "forbidden", "string"],
      ["unsubscribed", "c", "forbidden", "string"],
    ],
  );
  // At once, and not after the time that a member has to come back.
  assert.deepEqual([await members("a"), await members("b")], [0, 1]);
  for (const channel of ["a", "b", "c"]) await first.holdfast.publish(channel, 1);
  assert.equal((await client.message(6)).channel, "b");
});

/** A client that takes nothing until it is told to, and what it then has got. */
async function stalled(t: TestContext, { port, holdfast }: Rig, head: readonly string[], said?: Buffer) {
  const socket = connect({ port, host: "127.0.0.1" });
  t.after(() => socket.destroy());
  let received = "";
  let isClosed = false;
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
  });
  socket.write([...head, "Host: 127.0.0.1", "", ""].join("\r\n"));
  await until(() => received.includes("\r\n\r\n"));
  if (said !== undefined) socket.write(said);
  await until(() => holdfast.stats().readers > 0);
  socket.pause();
  return async () => {
    socket.resume();
    await until(() => isClosed);
    return received;
  };
}

/** A frame of a client. RFC 6455 §5.2; the key that masks it is zero. */
function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([
    Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0]),
    payload,
  ]);
}

const upgrade = [
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
];
const authorization = `Authorization: Bearer ${JSON.stringify(ada)}`;
const stalling: Record<string, { head: readonly string[]; said?: Buffer }> = {
  websocket: {
    head: ["GET /connect HTTP/1.1", ...upgrade],
    said: maskedFrame(`${JSON.stringify(hello(ada, "a", "b"))}${" ".repeat(200)}`),
  },
  "plain websocket": { head: ["GET /channels/a HTTP/1.1", authorization, ...upgrade] },
  sse: { head: ["GET /channels/a HTTP/1.1", authorization, "Accept: text/event-stream"] },
};
for (const [name, { head, said }] of Object.entries(stalling)) {
  for (const [what, act] of Object.entries({
    "[REV-4] of a user that was revoked": (rig: Rig) => revoke(rig, { user: "ada" }),
    "[REV-5] of a channel that was lost": (rig: Rig) => changePermissions(rig, "ada"),
  })) {
    test(`${what}, nothing is sent that waits behind a client that takes nothing: ${name}`, async (t) => {
      let may = true;
      const rig = await startNode(t, {
        ...believing,
        authorize: ({ user }, _action, channel) => user === "root" || may || channel !== "a",
        // All of it is written, and waits in the socket.
        limits: { connectionBufferBytesMax: 100_000_000, pageBytesMax: 50_000_000 },
      });
      const { holdfast } = rig;
      const readAll = await stalled(t, rig, head, said);
      for (let n = 1; n <= 80; n++) await holdfast.publish("a", `event ${n}! ${"x".repeat(250_000)}`);
      await until(() => holdfast.stats().unsentBytes > 1_000_000);
      may = false;
      await act(rig);
      await until(() => holdfast.stats().sessions === 0);
      const received = await readAll();
      assert.ok(!received.includes("event 80!"));
    });
  }
}

test("[REV-4] a principal that is found only after it was revoked is not let in, however long that took", async (t) => {
  const answers: (() => void)[] = [];
  let isSlow = false;
  const rig = await startNode(t, {
    ...believing,
    authenticate: async (token) => {
      if (isSlow && token?.includes("ada") === true)
        await new Promise<void>((resolve) => answers.push(resolve));
      return token === undefined ? null : (JSON.parse(token) as Principal);
    },
  });
  isSlow = true;
  const socket = await SocketClient.open(t, `${rig.url}/connect`);
  socket.say(hello(ada, "a"));
  const page = call(`${rig.url}/channels/a`, { headers: as(ada) });
  await until(() => answers.length === 2);
  await revoke(rig, { user: "ada" });
  for (const answer of answers) answer();
  assert.deepEqual(await socket.closes(), { code: 4401, reason: "token_revoked" });
  assert.equal((await page).json.code, "token_revoked");
});

test("[REV-7] what is being allowed when it is revoked is refused, and leaves nothing in the log", async (t) => {
  const answers: (() => void)[] = [];
  let isSlow = false;
  const rig = await startNode(t, {
    ...believing,
    authorize: async ({ user }) => {
      if (isSlow && user === "ada") await new Promise<void>((resolve) => answers.push(resolve));
      return true;
    },
  });
  const { url, holdfast } = rig;
  const socket = await SocketClient.open(t, `${url}/connect`);
  socket.say(hello(ada, "a"));
  await socket.message(1);
  isSlow = true;
  const stream = call(`${url}/channels/a`, { headers: { ...as(ada), Accept: "text/event-stream" } });
  const upgraded = SocketClient.refused(`${url}/channels/a`, { headers: as(ada) });
  const published = post(`${url}/channels/a`, "1", as(ada));
  const held = call(`${url}/channels/a?wait=30&after=latest`, { headers: as(ada) });
  socket.say({ type: "publish", ref: 1, channel: "a", events: [{ data: 2 }] });
  await until(() => answers.length === 5);
  await revoke(rig, { user: "ada" });
  assert.deepEqual(await socket.closes(), { code: 4401, reason: "token_revoked" });
  for (const answer of answers) answer();
  assert.equal((await stream).json.code, "token_revoked");
  assert.deepEqual(await upgraded, { status: 401, code: "token_revoked" });
  assert.equal((await published).json.code, "token_revoked");
  assert.equal((await held).json.code, "token_revoked");
  const { json } = await call(`${url}/channels/a`, { headers: root });
  assert.deepEqual(json.events, []);
  assert.equal(holdfast.stats().readers, 0);
});

for (const [what, code, act] of [
  ["is revoked", "token_revoked", (rig: Rig) => revoke(rig, { user: "ada" })],
  ["loses the right", "forbidden", (rig: Rig) => changePermissions(rig, "ada")],
] as const) {
  test(`[REV-7] a publish whose body is still coming when its sender ${what} is refused`, async (t) => {
    let may = true;
    const rig = await startNode(t, { ...believing, authorize: ({ user }) => user === "root" || may });
    const { url, port } = rig;
    const answers = ["/channels/a", "/channels/a/signals"].map((path) => {
      const socket = connect({ port, host: "127.0.0.1" });
      t.after(() => socket.destroy());
      let received = "";
      socket.setEncoding("utf8").on("data", (text: string) => {
        received += text;
      });
      const lines = [
        `POST ${path} HTTP/1.1`,
        "Host: 127.0.0.1",
        authorization,
        "Content-Type: application/json",
        "Content-Length: 10",
        "Expect: 100-continue",
      ];
      socket.write(`${lines.join("\r\n")}\r\n\r\n`);
      return { socket, read: () => received };
    });
    // Now it is known who it is, and the body is asked for.
    await until(() => answers.every(({ read }) => read().includes("100 Continue")));
    may = false;
    await act(rig);
    for (const { socket } of answers) socket.write('{"data":1}');
    await until(() => answers.every(({ read }) => read().includes(`"code":"${code}"`)));
    assert.deepEqual((await call(`${url}/channels/a`, { headers: root })).json.events, []);
  });
}

test("[REV-1] while the log cannot be reached nothing is revoked, and all is as it was", async (t) => {
  const { broker, faults } = faultyBroker();
  const rig = await startNode(t, { ...believing, broker });
  const client = await SocketClient.open(t, `${rig.url}/connect`);
  client.say(hello(ada, "a"));
  await client.message(1);
  faults.set("append", "fail");
  for (const answer of [
    await revoke(rig, { user: "ada" }),
    await changePermissions(rig, "ada"),
    await post(`${rig.url}/tickets`, "", as(ada)),
  ]) {
    assert.deepEqual(
      [answer.status, answer.json.code, answer.json.retry],
      [503, "broker_unavailable", "retry"],
    );
  }
  await assert.rejects(rig.holdfast.revoke({ user: "ada" }), { code: "broker_unavailable" });
  assert.equal((await call(`${rig.url}/channels/a`, { headers: as(ada) })).status, 200);
  faults.clear();
  assert.equal((await revoke(rig, { user: "ada" })).status, 201);
  assert.deepEqual(await client.closes(), { code: 4401, reason: "token_revoked" });
});

test("[REV-1] a node that has not read what was revoked is not ready and lets nobody in, and then knows", async (t) => {
  const { broker, faults } = faultyBroker();
  const earlier = await startNode(t, { ...believing, broker });
  await revoke(earlier, { user: "ada" });
  faults.set("follow", "fail");
  const later = await startNode(t, { ...believing, broker, brokerDeadlineMs: 100 });
  for (const path of ["/health/ready", "/channels/a"]) {
    const { status, json } = await call(`${later.url}${path}`, { headers: as({ user: "bob" }) });
    assert.deepEqual([status, json.code], [503, "broker_unavailable"], path);
  }
  faults.clear();
  const answer = () => call(`${later.url}/channels/a`, { headers: as(ada) });
  let { status, json } = await answer();
  while (status === 503) ({ status, json } = await answer());
  assert.deepEqual([status, json.code], [401, "token_revoked"]);
  // What it found out a moment ago holds for a second.
  while ((await call(`${later.url}/health/ready`)).status !== 200) await nextTurn();
});

test("[REV-6] what nodes tell each other nobody reads or writes, whatever they may", async (t) => {
  const open = await startNode(t, { open: true });
  const guarded = await startNode(t, believing);
  for (const { url, holdfast } of [open, guarded]) {
    for (const channel of ["holdfast.control:revocations", "holdfast.ready:x", "holdfast.x"]) {
      const path = `/channels/${channel}`;
      for (const [method, where, headers] of [
        ["GET", path, {}],
        ["GET", `${path}?wait=1`, {}],
        ["GET", path, { Accept: "text/event-stream" }],
        ["GET", `/events?channel=${channel}`, { Accept: "text/event-stream" }],
        ["POST", path, { "Content-Type": "text/plain" }],
        ["POST", `${path}/close`, {}],
        ["GET", `${path}/state`, {}],
        ["GET", `${path}/presence`, {}],
        ["POST", `${path}/signals`, { "Content-Type": "application/json" }],
      ] as const) {
        const { status, json } = await call(`${url}${where}`, { method, headers: { ...headers, ...root } });
        assert.deepEqual([status, json.code], [403, "forbidden"], `${method} ${where}`);
      }
      assert.equal((await SocketClient.refused(`${url}${path}`, { headers: root })).code, "forbidden");
      const client = await SocketClient.open(t, `${url}/connect`);
      client.say(hello({ user: "root" }, channel, "a"));
      client.say({ type: "publish", ref: 1, channel, events: [{ data: 1 }] });
      client.say({ type: "signal", channel, key: "", data: 1 });
      client.say({ type: "presence", channel, data: 1 });
      await client.message(5);
      const codes = client.messages.filter(({ type }) => type === "error").map(({ code }) => code);
      assert.deepEqual(codes, ["forbidden", "forbidden", "forbidden", "forbidden"]);
      await assert.rejects(holdfast.publish(channel, 1), { code: "forbidden" });
      await assert.rejects(holdfast.closeChannel(channel), { code: "forbidden" });
    }
    assert.equal((await call(`${url}/health/ready`)).status, 200);
  }
});

test("[REV-8] administrators revoke, and see what is revoked a page at a time; each act is on record", async (t) => {
  const [first, second = first] = await startNodes(t, 2);
  for (const headers of [as({ user: "bob" }), {}]) {
    const status = "Authorization" in headers ? 403 : 401;
    assert.equal((await post(`${first.url}/revocations`, '{"user":"ada"}', headers)).status, status);
    assert.equal((await call(`${first.url}/revocations`, { headers })).status, status);
    assert.equal((await post(`${first.url}/permissions/changed`, '{"user":"ada"}', headers)).status, status);
  }
  const until_ = Date.now() + 60_000;
  const { json } = await revoke(first, { token: "t1", until: until_ });
  assert.deepEqual([json.token, json.until, typeof json.at], ["t1", until_, "number"]);
  await revoke(first, { user: "ada" });
  await revoke(second, { session: "s1" });
  await changePermissions(first, "ada");
  const page = await call(`${second.url}/revocations?limit=2`, { headers: root });
  assert.deepEqual(
    [page.json.revocations[0], page.json.revocations[1].user, page.json.more],
    [json, "ada", true],
  );
  const next = await call(`${first.url}/revocations?after=${page.json.cursor}`, { headers: root });
  assert.deepEqual(
    [next.json.revocations.length, next.json.revocations[0].session, next.json.more],
    [1, "s1", false],
  );
  const acts = first.log.filter(({ audit }) => audit === true);
  assert.deepEqual(
    acts.map(({ act, by, outcome, token, user }) => [act, by, outcome, token, user]),
    [
      ["revoke", "bob", "forbidden", undefined, undefined],
      ["permissions.changed", "bob", "forbidden", undefined, undefined],
      ["revoke", "root", "done", "t1", undefined],
      ["revoke", "root", "done", undefined, "ada"],
      ["permissions.changed", "root", "done", undefined, "ada"],
    ],
  );
});

test("[REV-8] [BND-2] what cannot be revoked is refused with a sentence, and so is more than is remembered", async (t) => {
  const rig = await startNode(t, { ...believing, limits: { revocationsMax: 2 } });
  for (const body of [
    {},
    { user: "" },
    { user: 1 },
    { user: "ada", token: "t1" },
    { user: "x".repeat(257) },
    { name: "ada" },
    [],
  ]) {
    const { status, json } = await revoke(rig, body);
    assert.deepEqual([status, json.code], [400, "bad_message"], JSON.stringify(body));
  }
  for (const until of [0, "tomorrow", Date.now() + 1e9]) {
    assert.equal((await revoke(rig, { user: "ada", until })).json.code, "bad_parameter");
  }
  await revoke(rig, { user: "ada" });
  await revoke(rig, { user: "ada" });
  const { status, json } = await revoke(rig, { user: "bob" });
  assert.deepEqual([status, json.code], [503, "overloaded"]);
  assert.match(json.detail, /revocationsMax/);
  const open = await startNode(t, { open: true });
  for (const path of ["/revocations", "/permissions/changed", "/tickets"]) {
    assert.equal((await post(`${open.url}${path}`, '{"user":"ada"}')).json.code, "unsupported");
  }
  await assert.rejects(open.holdfast.revoke({ user: "ada" }), { code: "unsupported" });
});
