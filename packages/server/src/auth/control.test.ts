import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as nextTurn } from "node:timers/promises";
import type { Broker } from "@holdfast/core/broker";
import { assemble } from "../holdfast.ts";
import { call, faultyBroker, post, SocketClient, startNode } from "../rig.test.ts";
import { ada, as, believing, changePermissions, hello, newBroker, revoke, root } from "./people.test.ts";

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

test("[REV-1] [BND] of who asked in vain while the log could not be read nothing is kept", async () => {
  const { broker, faults } = faultyBroker();
  faults.set("follow", "fail");
  const { node, holdfast } = assemble({ ...believing, broker, brokerDeadlineMs: 50, logger: () => {} });
  const { control } = node;
  assert.ok(control !== undefined);
  const asked = Array.from({ length: 10 }, () =>
    assert.rejects(control.read(), { code: "broker_unavailable" }),
  );
  assert.equal(control.awaiting, 10);
  await Promise.all(asked);
  assert.equal(control.awaiting, 0);
  faults.clear();
  const found = async () =>
    await control.read().then(
      () => true,
      () => false,
    );
  while (!(await found()));
  assert.equal(control.awaiting, 0);
  await holdfast.close();
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

test("[REV-1] what is said reaches a node also where the broker tells it nothing", async (t) => {
  const log = newBroker();
  const deaf: Broker = new Proxy(log, {
    get: (_target, name) => {
      const value: unknown = Reflect.get(log, name, log);
      if (name === "follow") {
        const hears = { appended: () => {}, closed: () => {}, disturbed: () => {} };
        return (channel: string) => log.follow(channel, hears);
      }
      return typeof value === "function" ? value.bind(log) : value;
    },
  });
  const first = await startNode(t, { ...believing, broker: log });
  const second = await startNode(t, { ...believing, broker: deaf });
  const client = await SocketClient.open(t, `${second.url}/connect`);
  client.say(hello(ada, "a"));
  await client.message(1);
  assert.equal((await revoke(first, { user: "ada" })).status, 201);
  assert.deepEqual(await client.closes(), { code: 4401, reason: "token_revoked" });
  // What it says itself it has to look for as well.
  assert.equal((await revoke(second, { user: "bob" })).status, 201);
  assert.equal((await call(`${second.url}/channels/a`, { headers: as({ user: "bob" }) })).status, 401);
});

test("[REV-1] [REV-3] a log that was lost is told again what nodes know, and what they know holds meanwhile", async (t) => {
  let log = newBroker();
  // An engine that comes back empty, and tells nobody.
  const broker = new Proxy(log, {
    get: (_target, name) => {
      const value: unknown = Reflect.get(log, name, log);
      return typeof value === "function" ? value.bind(log) : value;
    },
  });
  const rig = await startNode(t, { ...believing, broker });
  const { until } = (await revoke(rig, { user: "ada", until: Date.now() + 600_000 })).json;
  await revoke(rig, { token: "t9" });
  log = newBroker({}, "second");
  const known = async ({ url }: { url: string }) =>
    (await call(`${url}/revocations`, { headers: root })).json.revocations as {
      user?: string;
      token?: string;
      until: number;
    }[];
  assert.equal((await call(`${rig.url}/channels/a`, { headers: as(ada) })).json.code, "token_revoked");
  while ((await log.range("holdfast.control:revocations")).head < 2) await nextTurn(5);
  const later = await startNode(t, { ...believing, broker });
  assert.deepEqual(
    (await known(later)).map((one) => [one.user, one.token]),
    [
      ["ada", undefined],
      [undefined, "t9"],
    ],
  );
  assert.equal((await known(later))[0]?.until, until);
  assert.equal((await call(`${later.url}/channels/a`, { headers: as(ada) })).json.code, "token_revoked");
  const [told] = rig.log.filter(({ message }) => message.startsWith("Revocations were lost from the log"));
  assert.deepEqual([told?.level, told?.["reason"], told?.["known"]], ["error", "epoch", 2]);
  // It can be told more.
  assert.equal((await revoke(rig, { user: "bob" })).status, 201);
});

test("[REV-2] what is written there and is no revocation is reported, and refuses nobody", async (t) => {
  const broker = newBroker();
  const rig = await startNode(t, { ...believing, broker });
  for (const text of [
    "1",
    "{}",
    '{"user":"ada"}',
    '{"user":"ada","at":1,"until":"x"}',
    '{"all":"x","at":1,"until":2}',
  ]) {
    await broker.append("holdfast.control:revocations", [{ payload: { encoding: "json", text } }]);
  }
  await broker.append("holdfast.control:permissions", [{ payload: { encoding: "text", text: "ada" } }]);
  assert.equal((await revoke(rig, { user: "bob" })).status, 201);
  assert.equal((await call(`${rig.url}/channels/a`, { headers: as(ada) })).status, 200);
  assert.equal((await call(`${rig.url}/channels/a`, { headers: as({ user: "bob" }) })).status, 401);
  assert.equal(rig.log.filter(({ message }) => message.startsWith("A control log")).length >= 5, true);
});

test("[REV-9] the token of a connection that was closed by its id is revoked as soon as the log can be written", async (t) => {
  const { broker, faults } = faultyBroker();
  const rig = await startNode(t, { ...believing, broker });
  const client = await SocketClient.open(t, `${rig.url}/connect`);
  client.say(hello(ada, "a"));
  const { session } = await client.message(0);
  const now = Date.now();
  const text = JSON.stringify({ session, at: now, until: now + 60_000 });
  const closed = broker.append("holdfast.control:revocations", [{ payload: { encoding: "json", text } }]);
  // What another node has said arrives; what this one has to add does not.
  faults.set("append", "fail");
  await closed;
  assert.deepEqual(await client.closes(), { code: 4401, reason: "token_revoked" });
  assert.equal((await call(`${rig.url}/channels/a`, { headers: as(ada) })).status, 200);
  faults.clear();
  while ((await call(`${rig.url}/channels/a`, { headers: as(ada) })).status === 200) await nextTurn(5);
});
