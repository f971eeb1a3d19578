import assert from "node:assert/strict";
import { test } from "node:test";
import { numbers, World } from "./world.test-support.ts";

const ada = { principal: { user: "ada" } };

test("[LIM-1] who publishes more than a user may is told when to come back, by ref, and what was refused is not in the log", async () => {
  const world = new World({ limits: { publishesPerUserPerSecond: 2, rateBurstMs: 1000 } });
  const client = world.client(ada);
  for (let ref = 0; ref < 4; ref++) client.session.publish(ref, ref < 2 ? "a" : "b", numbers(1, ref));
  await world.settle();
  assert.deepEqual(
    client.sink.of("published").map(({ ref }) => ref),
    [0, 1],
  );
  assert.deepEqual(
    client.sink.of("error").map(({ ref, code, retry, limit }) => ({ ref, code, retry, limit })),
    [2, 3].map((ref) => ({ ref, code: "rate_limited", retry: "retry", limit: "publishesPerUserPerSecond" })),
  );
  assert.deepEqual(world.refusals, ["publishesPerUserPerSecond", "publishesPerUserPerSecond"]);
  const [refusal] = client.sink.of("error");
  assert.equal(refusal?.retryAfterMs, 500);
  await world.pass(499);
  client.session.publish(4, "b", numbers(1));
  await world.pass(1);
  client.session.publish(5, "b", numbers(1));
  await world.settle();
  assert.deepEqual(
    client.sink.of("published").map(({ ref }) => ref),
    [0, 1, 5],
  );
});

test("[LIM-1] the rate is a user's, whatever connections it has; and of an address where nobody says who it is", async () => {
  for (const [same, other] of [
    [ada, { principal: { user: "bob" } }],
    [{ address: "192.0.2.1" }, { address: "192.0.2.2" }],
    [ada, { address: "ada" }],
  ]) {
    const world = new World({ limits: { publishesPerUserPerSecond: 1, rateBurstMs: 1000 } });
    const clients = [world.client(same), world.client(same), world.client(other), world.client({})];
    for (const client of clients) client.session.publish(1, "a", numbers(1));
    // Nothing is known of the last one by which it could be counted.
    clients[3]?.session.publish(2, "a", numbers(1));
    await world.settle();
    assert.deepEqual(
      clients.map(({ sink }) => sink.of("published").length),
      [1, 0, 1, 2],
    );
  }
});

test("[LIM-1] a batch counts its events, and one that is larger than the bucket is taken when nothing is owed", async () => {
  const world = new World({ limits: { publishesPerUserPerSecond: 10, rateBurstMs: 1000 } });
  const client = world.client(ada);
  client.session.publish(1, "a", numbers(100));
  client.session.publish(2, "a", numbers(1));
  await world.settle();
  assert.equal(client.sink.of("published")[0]?.results.length, 100);
  assert.equal(client.sink.of("error")[0]?.retryAfterMs, 9100);
});

test("[LIM-1] a channel has its rate, which its namespace may set; a signal counts for its user alone", async () => {
  const limits = { publishesPerChannelPerSecond: 5, publishesPerUserPerSecond: 3, rateBurstMs: 1000 };
  const world = new World({ limits, namespace: { publishesPerSecond: 1 } });
  const client = world.client(ada);
  client.session.publish(1, "a", numbers(1));
  client.session.publish(2, "a", numbers(1));
  client.session.publish(3, "b", numbers(1));
  await world.settle();
  assert.deepEqual(
    client.sink.of("error").map(({ ref, limit }) => [ref, limit]),
    [[2, "publishesPerChannelPerSecond"]],
  );
  void client.session.company.signal("a", "", 1);
  void client.session.company.signal("a", "", 2);
  await world.settle();
  assert.deepEqual(
    client.sink.of("error").map(({ limit }) => limit),
    ["publishesPerChannelPerSecond", "publishesPerUserPerSecond"],
  );
});

test("[LIM-1] a rate of 0 is none, and a namespace may say so", async () => {
  const limits = { publishesPerChannelPerSecond: 1, publishesPerUserPerSecond: 0, rateBurstMs: 1000 };
  const world = new World({ limits, namespace: { publishesPerSecond: 0 } });
  const client = world.client(ada);
  for (let ref = 0; ref < 100; ref++) client.session.publish(ref, "a", numbers(10));
  await world.settle();
  assert.equal(client.sink.of("published").length, 100);
});

test("[LIM-6] a client that says more than it may is read more slowly, and nothing it says is lost", async () => {
  const world = new World({ limits: { messagesPerSecond: 10, rateBurstMs: 1000 } });
  const client = world.client({ greets: true });
  client.say({ type: "hello", subscriptions: [] });
  let said = 0;
  let paused = 0;
  let passedMs = 0;
  while (said < 100) {
    if (client.sink.isPaused) {
      paused++;
      await world.pass(50);
      passedMs += 50;
    } else {
      client.say({ type: "ping" });
      said++;
    }
  }
  await world.settle();
  assert.equal(client.sink.of("pong").length, 100);
  assert.ok(
    paused > 0 && passedMs >= 8000,
    `${passedMs} ms for 100 messages at 10 a second, 10 of them at once`,
  );
  assert.ok(passedMs <= 10_000, `${passedMs} ms`);
  assert.ok(world.refusals.length > 0);
  assert.deepEqual(new Set(world.refusals), new Set(["messagesPerSecond"]));
});

test("[LIM-6] who is read more slowly is not taken for dead, whatever the clock does meanwhile", async () => {
  const limits = { messagesPerSecond: 1, rateBurstMs: 1000, heartbeatMs: 1000, idleTimeoutMs: 0 };
  const world = new World({ limits });
  const client = await world.reader();
  while (!client.sink.isPaused) client.session.heard();
  world.clock.time -= 3_600_000;
  client.session.clockSet(world.clock.time, -3_600_000);
  assert.equal(client.sink.isPaused, false, "what was due by another clock is forgiven");
  while (!client.sink.isPaused) client.session.heard();
  await world.pass(900);
  assert.equal(client.sink.isPaused, true);
  await world.pass(200);
  assert.equal(client.sink.isPaused, false);
  assert.equal(client.sink.farewell, undefined);
});

test("[LIM-7] a session that has no subscription and says nothing but pings is let go", async () => {
  const world = new World({ limits: { idleTimeoutMs: 60_000 } });
  const idle = world.client({ greets: true });
  const reads = world.client({ greets: true });
  const publishes = world.client({ greets: true });
  idle.say({ type: "hello", subscriptions: [] });
  publishes.say({ type: "hello", subscriptions: [] });
  reads.say({ type: "hello", subscriptions: [{ channel: "a" }] });
  for (let seconds = 0; seconds < 130; seconds += 10) {
    await world.pass(10_000);
    for (const client of [idle, reads, publishes]) client.say({ type: "ping" });
    publishes.say({ type: "publish", ref: seconds, channel: "a", events: [{ data: 1 }] });
  }
  await world.settle();
  assert.deepEqual(
    [idle, reads, publishes].map(({ sink: { farewell } }) =>
      farewell?.kind === "refused" ? farewell.error.limit : farewell,
    ),
    ["idleTimeoutMs", undefined, undefined],
  );
  assert.deepEqual(world.refusals, ["idleTimeoutMs"]);
  reads.say({ type: "unsubscribe", channels: ["a"] });
  for (let seconds = 0; seconds < 120; seconds += 10) {
    await world.pass(10_000);
    reads.say({ type: "ping" });
  }
  assert.equal(reads.sink.farewell?.kind, "refused");
});

test("[LIM-8] a node follows as many channels as it may; those that nobody uses make room, and the rest is refused", async () => {
  const world = new World({ limits: { channelsFollowedMax: 2 } });
  const client = world.client();
  for (const channel of ["a", "b", "c"]) void client.subscribe(channel);
  await world.settle();
  const [refusal] = client.sink.of("error");
  assert.deepEqual(
    { code: refusal?.code, channel: refusal?.channel, limit: refusal?.limit },
    { code: "overloaded", channel: "c", limit: "channelsFollowedMax" },
  );
  assert.deepEqual(world.refusals, ["channelsFollowedMax"]);
  client.session.unsubscribe("a");
  void client.subscribe("c");
  await world.settle();
  assert.equal(client.sink.of("subscribed").at(-1)?.channel, "c");
  assert.equal(world.hubs.stats().hubs, 2);
});
