import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { EventSource } from "eventsource";
import { createHoldfast, type Holdfast } from "../index.ts";
import {
  call,
  faultyBroker,
  post,
  RawClient,
  SocketClient,
  StreamClient,
  startNode,
  until,
} from "../rig.test.ts";

const hello = (...subscriptions: unknown[]) => ({ type: "hello", subscriptions });

/** Opens a session that reads a channel. */
async function follow(t: TestContext, url: string, channel = "a"): Promise<SocketClient> {
  const client = await SocketClient.open(t, `${url}/connect`);
  client.say(hello({ channel }));
  await client.message(1);
  return client;
}

/** A node whose application takes its time to say whether somebody may publish. */
async function slowToPermit(t: TestContext) {
  const permitted = Promise.withResolvers<boolean>();
  const slow = { asked: 0, permit: () => permitted.resolve(true) };
  const rig = await startNode(t, {
    authenticate: () => ({ user: "ada" }),
    authorize: (_principal, action) => {
      if (action !== "publish") return true;
      slow.asked++;
      return permitted.promise;
    },
  });
  return { ...rig, slow };
}

/** Begins to let two clients go, of whom the first is asked; the turn of the second comes much later. */
async function drainTwo(t: TestContext, holdfast: Holdfast, url: string): Promise<{ closed: Promise<void> }> {
  const clients = await Promise.all([follow(t, url), follow(t, url)]);
  const closed = holdfast.close({ spreadMs: 600_000, deadlineMs: 3_600_000 });
  await until(() => clients.some(({ messages }) => messages.at(-1).type === "reconnect"));
  return { closed };
}

test("[HTTP-3] [CALM-1] readiness is red before anybody is let go, and everything is served as before", async (t) => {
  const { holdfast, url } = await startNode(t);
  const stream = await StreamClient.open(t, `${url}/channels/a`);
  await stream.receives("id: ");
  assert.equal((await call(`${url}/health/ready`)).status, 200);
  const closed = holdfast.close({ noticeMs: 3_600_000, spreadMs: 0 });
  const ready = await call(`${url}/health/ready`);
  assert.deepEqual([ready.status, ready.json.code], [503, "draining"]);
  assert.equal((await call(`${url}/health/live`)).status, 200);
  const late = await StreamClient.open(t, `${url}/channels/a`);
  await late.receives("id: ");
  const page = call(`${url}/channels/a?after=latest&wait=60`);
  await until(() => holdfast.stats().waiters === 1);
  await holdfast.publish("a", "still served");
  for (const one of [stream, late]) await one.receives("still served");
  assert.equal((await page).json.events.length, 1);
  const posted = await post(`${url}/channels/a`, "1");
  assert.deepEqual([posted.status, posted.headers.get("connection")], [201, "close"]);
  assert.deepEqual(holdfast.stats().drain, { phase: "notice", clients: 0, left: 2 });
  // Called again, it waits out no more of the notice.
  await Promise.all([holdfast.close(), closed]);
  for (const one of [stream, late]) assert.match(one.text, /event: reconnect/);
});

test("[CALM-1] nobody waits for a balancer to notice where none asks for readiness", async (t) => {
  const { holdfast } = await startNode(t);
  const closed = holdfast.close();
  await until(() => holdfast.stats().drain?.phase !== "notice");
  await closed;
  const watched = await startNode(t);
  await call(`${watched.url}/health/ready`);
  const later = watched.holdfast.close({ spreadMs: 0 });
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.equal(watched.holdfast.stats().drain?.phase, "notice");
  await Promise.all([watched.holdfast.close(), later]);
});

test("[CALM-5] [CALM-2] one after the other is asked to go, and served until it has gone", async (t) => {
  const { holdfast, url } = await startNode(t);
  const clients = await Promise.all(Array.from({ length: 5 }, () => follow(t, url)));
  const asked = () => clients.filter(({ messages }) => messages.at(-1).type === "reconnect");
  const closed = holdfast.close({ spreadMs: 600_000, deadlineMs: 3_600_000 });
  await until(() => asked().length > 0);
  const [first, ...others] = asked();
  assert.deepEqual(others, [], "they have their turn later");
  const { delayMs, reason } = first?.messages.at(-1) ?? {};
  assert.ok(delayMs <= 50);
  assert.equal(reason, "drain");
  await holdfast.publish("a", "to all of them");
  await until(() => clients.every(({ messages }) => messages.some(({ type }) => type === "events")));
  assert.deepEqual(holdfast.stats().drain, { phase: "turns", clients: 5, left: 5 });
  await Promise.all([holdfast.close(), closed]);
});

test("[CALM-5] when all who were asked to go have gone, nobody is waited for", async (t) => {
  const { holdfast, url } = await startNode(t);
  const clients = await Promise.all(Array.from({ length: 5 }, () => follow(t, url)));
  const closed = holdfast.close({ spreadMs: 50, deadlineMs: 3_600_000 });
  for (const client of clients) {
    await until(() => client.messages.some(({ type }) => type === "reconnect"));
    client.socket.close();
  }
  await closed;
  assert.deepEqual(holdfast.stats().drain, { phase: "last", clients: 5, left: 0 });
});

test("[CALM-3] who cannot go elsewhere first is let go in its turn", async (t) => {
  const { holdfast, url } = await startNode(t);
  const sockets = await Promise.all([1, 2, 3].map(() => SocketClient.open(t, `${url}/channels/a`)));
  for (const socket of sockets) await socket.message(0);
  const gone = () => sockets.filter((socket) => socket.closed !== undefined);
  const closed = holdfast.close({ spreadMs: 600_000, deadlineMs: 3_600_000 });
  await until(() => gone().length > 0);
  const [first, ...others] = gone();
  assert.deepEqual(others, []);
  const { control, delayMs } = first?.messages.at(-1) ?? {};
  assert.equal(control, "reconnect");
  assert.deepEqual(first?.closed, { code: 1012, reason: `drain; retry-after-ms=${delayMs}` });
  assert.ok(delayMs >= 1000 && delayMs <= 2000);
  await Promise.all([holdfast.close(), closed]);
});

test("[CALM-5] [CALM-6] a node that drains takes in nobody who would stay, and answers what it can at once", async (t) => {
  const { holdfast, url } = await startNode(t);
  const { closed } = await drainTwo(t, holdfast, url);
  assert.deepEqual(await SocketClient.refused(`${url}/channels/a`), { status: 503, code: "draining" });
  const stream = await call(`${url}/connect`, {
    method: "POST",
    body: JSON.stringify(hello({ channel: "a" })),
    headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
  });
  assert.deepEqual([stream.status, stream.json.code], [503, "draining"]);
  assert.ok(Number(stream.headers.get("retry-after")) >= 1);
  const held = await call(`${url}/channels/a?after=latest&wait=60`);
  assert.deepEqual([held.status, held.json.code], [503, "draining"]);
  const posted = await post(`${url}/channels/a`, "1");
  assert.deepEqual([posted.status, posted.headers.get("connection")], [201, "close"]);
  assert.equal((await call(`${url}/channels/a`)).json.events.length, 1);
  const source = await call(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } });
  assert.deepEqual([source.status, source.headers.get("content-type")], [200, "text/event-stream"]);
  assert.match(source.text, /^retry: (\d+)\nevent: reconnect\ndata: {"delayMs":\1,"reason":"drain"}\n\n$/);
  await Promise.all([holdfast.close(), closed]);
});

test("[CALM-6] an EventSource that comes while the node drains finds the next one", async (t) => {
  const first = await startNode(t);
  const { closed } = await drainTwo(t, first.holdfast, first.url);
  const source = new EventSource(`${first.url}/channels/a?after=oldest`);
  t.after(() => source.close());
  const events: string[] = [];
  source.onmessage = ({ data }: { data: string }) => events.push(data);
  await once(source, "reconnect");
  await Promise.all([first.holdfast.close(), closed]);
  const next = createHoldfast({ logger: () => {} });
  await next.listen({ port: first.port });
  t.after(() => next.close({ spreadMs: 0 }));
  await next.publish("a", "found");
  await until(() => events.length === 1);
  assert.deepEqual(events, ['"found"']);
});

test("[CALM-7] where those who were asked to go come back, no other node answers, and all are let go", async (t) => {
  const { holdfast, url } = await startNode(t);
  const client = await follow(t, url);
  const closed = holdfast.close({ spreadMs: 20, deadlineMs: 3_600_000 });
  await until(() => client.messages.at(-1).type === "reconnect");
  assert.deepEqual(await SocketClient.refused(`${url}/connect`), { status: 503, code: "draining" });
  assert.equal((await client.closes()).code, 1012);
  await closed;
});

test("[CALM-7] [LIM-4] whoever is left is told when to come back, at times that spread, and closed as the table says", async (t) => {
  const { holdfast, url } = await startNode(t);
  const plain = await SocketClient.open(t, `${url}/channels/a`);
  const clients = await Promise.all([1, 2, 3].map(() => follow(t, url)));
  const stream = await StreamClient.open(t, `${url}/connect`, { body: hello() });
  await stream.receives("welcome");
  await plain.message(0);
  // In a hurry from the start: nobody has a turn.
  await Promise.all([holdfast.close({ spreadMs: 5000 }), holdfast.close()]);
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

test("[JSON-3] [SES-6] [CALM-3] held answers are given, not cut", async (t) => {
  const { holdfast, url } = await startNode(t);
  const page = call(`${url}/channels/a?wait=60`);
  const answer = post(`${url}/connect?wait=60`, JSON.stringify(hello({ channel: "a" })));
  await until(() => holdfast.stats().waiters === 1 && holdfast.stats().sessions === 1);
  await holdfast.close({ spreadMs: 100 });
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

for (const spreadMs of [0, 200]) {
  test(`[CALM-7] a publish that was read is answered before its connection is let go, also while it is asked whether it may be: spread over ${spreadMs} ms`, async (t) => {
    const { holdfast, url, slow } = await slowToPermit(t);
    const session = await SocketClient.open(t, `${url}/connect`);
    session.say(hello());
    session.say({ type: "publish", ref: 1, channel: "a", events: [{ data: 1 }] });
    const plain = await SocketClient.open(t, `${url}/channels/a`);
    plain.say(2);
    await until(() => slow.asked === 2);
    const closed = holdfast.close({ spreadMs, deadlineMs: 60_000 });
    await until(() => holdfast.stats().drain?.phase === "last");
    slow.permit();
    await closed;
    await Promise.all([session.closes(), plain.closes()]);
    const said = (client: SocketClient) => client.messages.map(({ type, control }) => type ?? control);
    assert.equal(said(session).filter((type) => type === "published").length, 1);
    assert.equal(said(session).at(-1), "reconnect");
    assert.ok(plain.messages.some(({ control }) => control === "published"));
    assert.equal(said(plain).at(-1), "reconnect");
  });
}

test("[CALM-7] whoever has asked for nothing is let go at once, however long the answers of others take", async (t) => {
  const { holdfast, url, slow } = await slowToPermit(t);
  const [busy, idle] = [await follow(t, url), await follow(t, url)];
  busy.say({ type: "publish", ref: 1, channel: "a", events: [{ data: 1 }] });
  await until(() => slow.asked === 1);
  const closed = holdfast.close({ spreadMs: 0, deadlineMs: 60_000 });
  assert.equal((await idle.closes()).code, 1012);
  assert.equal(busy.closed, undefined);
  slow.permit();
  assert.equal((await busy.closes()).code, 1012);
  assert.ok(busy.messages.some(({ type }) => type === "published"));
  await closed;
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
