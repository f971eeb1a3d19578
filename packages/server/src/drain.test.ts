import assert from "node:assert/strict";
import { test } from "node:test";
import {
  call,
  faultyBroker,
  post,
  RawClient,
  SocketClient,
  StreamClient,
  startNode,
  until,
} from "./rig.test.ts";

const hello = (...subscriptions: unknown[]) => ({ type: "hello", subscriptions });

test("[HTTP-3] [CALM] readiness is red before anybody is let go", async (t) => {
  const { holdfast, url } = await startNode(t);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives("id: ");
  assert.equal((await call(`${url}/health/ready`)).status, 200);
  const closed = holdfast.close({ noticeMs: 3_600_000, spreadMs: 0 });
  const ready = await call(`${url}/health/ready`);
  assert.deepEqual([ready.status, ready.json.code], [503, "draining"]);
  assert.equal((await call(`${url}/health/live`)).status, 200);
  assert.equal(stream.isOver, false);
  await holdfast.publish("a", "still served");
  await stream.receives("still served");
  const late = await call(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } });
  assert.deepEqual([late.status, late.json.code], [503, "draining"]);
  assert.equal((await post(`${url}/channels/a`, "1")).status, 201);
  // Called again, it waits out no more of the notice.
  await Promise.all([holdfast.close(), closed]);
  assert.match(stream.text, /event: reconnect/);
});

test("[CALM] [LIM-4] everybody is told when to come back, at times that spread, and closed as the table says", async (t) => {
  const { holdfast, url } = await startNode(t);
  const plain = await SocketClient.open(t, `${url}/channels/a`);
  const clients = await Promise.all([1, 2, 3].map(() => SocketClient.open(t, `${url}/connect`)));
  for (const client of clients) client.say(hello({ channel: "a" }));
  for (const client of clients) await client.message(1);
  const stream = await StreamClient.open(t, `${url}/connect`, { body: hello() });
  await stream.receives("welcome");
  await plain.message(0);
  await holdfast.close({ spreadMs: 5000 });
  const delays: number[] = [stream.messages.at(-1).delayMs];
  for (const client of [plain, ...clients]) {
    const closed = await client.closes();
    const last = client.messages.at(-1);
    assert.deepEqual(closed, { code: 1012, reason: `drain; retry-after-ms=${last.delayMs}` });
    assert.deepEqual([last.type ?? last.control, last.reason], ["reconnect", "drain"]);
    delays.push(last.delayMs);
  }
  delays.sort((a, b) => a - b);
  // One client in each second of the five.
  assert.deepEqual(
    delays.map((delay) => Math.min(4, Math.floor(delay / 1000))),
    [0, 1, 2, 3, 4],
  );
});

test("[JSON-3] [SES-6] held answers are given, not cut", async (t) => {
  const { holdfast, url } = await startNode(t);
  const page = call(`${url}/channels/a?wait=60`);
  const answer = post(`${url}/connect?wait=60`, JSON.stringify(hello({ channel: "a" })));
  await until(() => holdfast.stats().waiters === 1 && holdfast.stats().sessions === 1);
  await holdfast.close({ spreadMs: 1000 });
  assert.deepEqual([(await page).status, (await page).json.events], [200, []]);
  const { messages, more } = (await answer).json;
  assert.deepEqual([messages.at(-1).type, messages.at(-1).reason, more], ["reconnect", "drain", false]);
});

test("[ACK-1] publishes that are under way are acknowledged before their connection is let go", async (t) => {
  const { broker, faults } = faultyBroker();
  const gate = Promise.withResolvers<void>();
  faults.set("append", gate.promise);
  const { holdfast, url } = await startNode(t, { broker });
  const posted = post(`${url}/channels/a`, "0");
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(hello());
  for (let ref = 0; ref < 10; ref++)
    client.say({ type: "publish", ref, channel: "a", events: [{ data: ref }] });
  await until(() => holdfast.stats().publishing === 11);
  const closed = holdfast.close({ spreadMs: 0 });
  gate.resolve();
  await closed;
  assert.equal((await posted).status, 201);
  await client.closes();
  assert.deepEqual(
    client.messages.slice(1).map(({ type, ref }) => [type, ref]),
    [...[...Array(10).keys()].map((ref) => ["published", ref]), ["reconnect", undefined]],
  );
});

test("[CALM] who does not leave is cut off at the deadline", async (t) => {
  const { holdfast, port, log } = await startNode(t, {}, [
    { level: "warn", message: "Connections were cut off, because they did not end in time.", connections: 1 },
  ]);
  const stuck = new RawClient(t, port).send(
    "POST /channels/a HTTP/1.1",
    "Host: localhost",
    "Content-Type: text/plain",
    "Content-Length: 100",
    "Expect: 100-continue",
    "",
    "never finished",
  );
  await stuck.receives("100 Continue");
  await holdfast.close({ spreadMs: 0, deadlineMs: 200 });
  await stuck.closes();
  assert.equal(log.length, 1);
});

test("[CALM] closing twice is closing once, and what was closed does not listen again", async (t) => {
  const { holdfast } = await startNode(t);
  await Promise.all([holdfast.close(), holdfast.close()]);
  await assert.rejects(holdfast.listen({ port: 0 }), { code: "draining" });
  await assert.rejects(holdfast.publish("a", 1), { code: "broker_unavailable" });
});
