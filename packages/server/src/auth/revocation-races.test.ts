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
