import assert from "node:assert/strict";
import { test } from "node:test";
import { call, SocketClient, StreamClient, startNode, until } from "../rig.test.ts";

test("[CALM-8] [BND-2] beyond so many newcomers more are refused on every transport, and those who are here are served", async (t) => {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const { holdfast, url } = await startNode(t, {
    limits: { arrivalsMax: 1 },
    authenticate: async (token) => {
      asked++;
      if (token === "slow") await gate.promise;
      return {};
    },
    authorize: () => true,
  });
  const here = await SocketClient.open(t, `${url}/channels/a`, {
    headers: { Authorization: "Bearer quick" },
  });
  await here.message(0);
  const slow = StreamClient.open(t, `${url}/channels/a`, { headers: { Authorization: "Bearer slow" } });
  await until(() => asked === 2);
  assert.deepEqual(await SocketClient.refused(`${url}/channels/a`), { status: 503, code: "overloaded" });
  const body = JSON.stringify({ type: "hello", subscriptions: [{ channel: "a" }] });
  const headers = { "Content-Type": "application/json", Accept: "text/event-stream" };
  const session = await call(`${url}/connect`, { method: "POST", body, headers });
  assert.deepEqual(
    [session.status, session.json.code, session.json.limit],
    [503, "overloaded", "arrivalsMax"],
  );
  assert.ok(Number(session.headers.get("retry-after")) >= 1);
  const source = await call(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } });
  assert.equal(source.status, 200);
  assert.match(source.text, /event: reconnect\ndata: {"delayMs":\d+,"reason":"overloaded"}/);
  // None of these was looked up, and what is no newcomer is answered.
  assert.equal(asked, 2);
  assert.equal((await call(`${url}/channels/a`)).status, 200);
  await holdfast.publish("a", 1);
  assert.equal((await here.message(1)).data, 1);
  gate.resolve();
  await (await slow).receives("id: ");
  await SocketClient.open(t, `${url}/channels/a`);
});
