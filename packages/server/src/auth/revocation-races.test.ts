import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import type { Principal } from "@holdfast/core/server";
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
import { ada, as, authorization, believing, changePermissions, hello, revoke, root } from "./people.test.ts";

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

test("[REV-5] a stream whose right ends while it looks for its start is refused by its status", async (t) => {
  const { broker, faults } = faultyBroker();
  let may = true;
  const rig = await startNode(t, {
    ...believing,
    broker,
    authorize: ({ user }, _action, channel) => user === "root" || may || channel !== "a",
  });
  await call(`${rig.url}/channels/a`, { headers: root });
  const { promise, resolve } = Promise.withResolvers<void>();
  const url = `${rig.url}/events?channel=a&channel=slow`;
  const open = await StreamClient.open(t, `${rig.url}/channels/a`, { headers: as({ user: "bob" }) });
  await open.receives("id:");
  faults.set("follow", promise);
  // One of its channels is followed already, the other is being opened.
  const stream = call(url, { headers: { ...as(ada), Accept: "text/event-stream" } });
  await until(() => rig.holdfast.stats().readers === 2);
  may = false;
  await changePermissions(rig, "ada");
  await until(() => rig.holdfast.stats().readers === 1);
  resolve();
  const { status, json } = await stream;
  assert.deepEqual([status, json.code], [403, "forbidden"]);
  open.leave();
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

/** What is read while `fault` holds it up, and how it is asked for. */
const slowReads = [
  ["a page", "", "before"],
  ["a page behind a cursor", "?after=oldest", "read"],
  ["a page that is awaited", "?after=oldest&wait=5", "read"],
  ["the state", "/state", "state"],
] as const;

for (const [what, path, fault] of slowReads) {
  test(`[REV-11] ${what} is not given to whom it was taken from while the log was being read`, async (t) => {
    const { broker, faults } = faultyBroker();
    const without = new Set<string>();
    const asked = new Set<string>();
    const rig = await startNode(t, {
      ...believing,
      broker,
      authorize: ({ user = "" }) => {
        asked.add(user);
        return !without.has(user);
      },
    });
    await post(`${rig.url}/channels/a`, '"secret"', root);
    const { promise, resolve } = Promise.withResolvers<void>();
    faults.set(fault, promise);
    const answers = ["ada", "bob", "eve"].map((user) =>
      call(`${rig.url}/channels/a${path}`, { headers: as({ user, issuedAt: 1000 }) }),
    );
    // What comes next is the log's to answer.
    await until(() => ["ada", "bob", "eve"].every((user) => asked.has(user)));
    without.add("bob");
    await changePermissions(rig, "bob");
    await revoke(rig, { user: "ada" });
    resolve();
    const [revoked, forbidden, given] = await Promise.all(answers);
    assert.deepEqual([revoked?.status, revoked?.json.code], [401, "token_revoked"]);
    assert.deepEqual([forbidden?.status, forbidden?.json.code], [403, "forbidden"]);
    assert.match(given?.text ?? "", /secret/);
    assert.doesNotMatch(`${revoked?.text}${forbidden?.text}`, /secret/);
  });
}

test("[REV-11] members whom other nodes still name are not told to whom that was taken from meanwhile", async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  const rig = await startNode(t, {
    ...believing,
    neighbours: {
      join: () => {},
      tell: () => {},
      members: async () => {
        asked++;
        await promise;
        return [];
      },
    },
  });
  const members = call(`${rig.url}/channels/a/presence`, { headers: as(ada) });
  await until(() => asked === 1);
  await revoke(rig, { user: "ada" });
  resolve();
  assert.equal((await members).json.code, "token_revoked");
});

test("[REV-5] an answer that the application gave before a right changed does not count after it", async (t) => {
  const answers: ((isAllowed: boolean) => void)[] = [];
  const rig = await startNode(t, {
    ...believing,
    authorize: ({ user }, action) => {
      if (user === "root" || action === "read") return true;
      return new Promise((resolve) => answers.push(resolve));
    },
  });
  const socket = await SocketClient.open(t, `${rig.url}/connect`);
  socket.say(hello(ada, "a"));
  await socket.message(1);
  socket.say({ type: "publish", ref: 1, channel: "a", events: [{ data: 1 }] });
  const signalled = post(`${rig.url}/channels/a/signals`, '{"data":1}', as(ada));
  await until(() => answers.length === 2);
  await changePermissions(rig, "ada");
  for (const answer of answers.splice(0)) answer(true);
  await until(() => answers.length === 2);
  for (const answer of answers) answer(false);
  const { type, ref, code } = await socket.message(2);
  assert.deepEqual({ type, ref, code }, { type: "error", ref: 1, code: "forbidden" });
  assert.equal((await signalled).json.code, "forbidden");
  assert.deepEqual((await call(`${rig.url}/channels/a`, { headers: root })).json.events, []);
});
