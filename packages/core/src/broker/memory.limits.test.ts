import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBroker } from "./memory.ts";
import { draft, nobody, page, refusal, setting, texts } from "./rig.test.ts";

test("[BND] without retention nothing is kept, and those who follow still hear all", async () => {
  const { broker, publish } = setting({ eventsMax: 0, stateKeysMax: 0 });
  const heard: number[] = [];
  await broker.follow("a", {
    ...nobody,
    appended: ({ events }) => heard.push(...events.map(({ offset }) => offset)),
  });
  await publish("a", "1", "2");
  await publish("a", "3");
  assert.deepEqual(heard, [1, 2, 3]);
  const { epoch, floor, head } = await broker.range("a");
  assert.deepEqual([floor, head], [3, 3]);
  assert.equal((await broker.read("a", { epoch, offset: 1 }, page)).gap, "expired");
  assert.equal((await broker.state("a")).truncatedAt, 3);
  assert.deepEqual(broker.stats(), { channels: 1, events: 0, bytes: 0, followers: 1 });
});

test("[BND] what is too old goes with the next call about its channel, or with a sweep", async () => {
  const { broker, advance, publish } = setting({ ageMsMax: 1000, stateKeysMax: 0 });
  await publish("a", "1");
  await publish("b", "1");
  advance(1000);
  assert.equal(broker.stats().events, 2);
  await broker.range("a");
  assert.equal(broker.stats().events, 1);
  broker.sweep();
  assert.deepEqual(broker.stats(), { channels: 2, events: 0, bytes: 0, followers: 0 });
});

test("[BND] bytes that are a view do not keep the buffer that they look into", async () => {
  const { broker } = setting();
  const body = new Uint8Array(100_000).fill(7);
  const pooled = Buffer.from(body.buffer, 500, 3);
  const whole = new Uint8Array([1, 2, 3]);
  for (const bytes of [body.subarray(10, 20), pooled, whole]) {
    await broker.append("a", [{ payload: { encoding: "base64", bytes } }]);
  }
  body.fill(9);
  const { events } = await broker.read("a", "oldest", page);
  const kept = events.map(({ payload }) => (payload.encoding === "base64" ? payload.bytes : assert.fail()));
  assert.deepEqual(
    kept.map((bytes) => [...bytes]),
    [new Array(10).fill(7), [7, 7, 7], [1, 2, 3]],
  );
  assert.deepEqual(
    kept.map((bytes) => bytes.buffer.byteLength),
    [10, 3, 3],
  );
  assert.equal(kept[2], whole, "what is no view is not copied");
});

test("[BND] [GAP-2] at bytesMax the oldest events of the quietest channel go, and readers are told `limit`", async () => {
  const { broker, publish } = setting({}, { bytesMax: 10_000 });
  const text = "x".repeat(1000);
  const quiet = await publish("quiet", text, text, text);
  await publish("busy", text, text, text, text);
  assert.equal((await broker.range("quiet")).floor, 0);
  await publish("busy", text);
  const { epoch } = quiet;
  const cut = await broker.read("quiet", { epoch, offset: 0 }, page);
  assert.deepEqual([cut.from, cut.gap], [1, "limit"]);
  assert.equal((await broker.range("busy")).floor, 0);
  await publish("busy", text, text);
  assert.equal((await broker.range("quiet")).floor, 3);
  await publish("busy", text);
  assert.equal((await broker.range("busy")).floor, 1, "then the oldest of the next");
  assert.ok(broker.stats().bytes <= 10_000);
});

test("[STATE-2] what bytesMax takes is gone from the state too, which says so", async () => {
  const { broker } = setting({ eventsMax: 1 }, { bytesMax: 5000 });
  const publish = (channel: string, key: string) =>
    broker.append(channel, [draft("x".repeat(1000), { key })]);
  await publish("quiet", "a");
  await publish("quiet", "b");
  assert.deepEqual(
    (await broker.state("quiet")).events.map(({ key }) => key),
    ["a", "b"],
  );
  await publish("busy", "a");
  await publish("busy", "b");
  const { events, truncatedAt } = await broker.state("quiet");
  assert.deepEqual([events.map(({ key }) => key), truncatedAt], [["b"], 1]);
  assert.equal((await broker.range("quiet")).head, 2);
});

test("[BND-2] what could never fit is refused with the name of the limit", async () => {
  const { broker, publish } = setting({}, { bytesMax: 10_000 });
  await publish("a", "kept");
  assert.match(
    await refusal(broker.append("a", [draft("x".repeat(10_000))]), "too_large"),
    /bytesMax is 10000/,
  );
  assert.deepEqual(await texts(broker, "a"), ["kept"]);
});

test("[ACK-2] ids are not given up for room: publishing waits until they are old enough", async () => {
  const { broker, advance } = setting({ idAgeMsMax: 5000, eventsMax: 1 }, { bytesMax: 10_000 });
  const publish = (n: number) => broker.append(`a${n % 2}`, [draft("x", { id: `${n}` })]);
  let published = 0;
  const full = async () => {
    for (;;) await publish(published++);
  };
  assert.match(await refusal(full(), "overloaded"), /ids .* bytesMax, 10000/);
  published--;
  for (let n = 0; n < published; n++) assert.equal((await publish(n)).results[0]?.duplicate, true);
  advance(5000);
  assert.equal((await publish(published)).results[0]?.duplicate, false);
  assert.equal((await publish(0)).results[0]?.duplicate, false);
});

test("[GAP-3] an evicted channel has another epoch: whoever comes back to it is told", async () => {
  const { broker } = setting({}, { channelsMax: 2 });
  const before = await broker.range("a");
  await broker.range("b");
  await broker.range("c");
  const back = await broker.read("a", { epoch: before.epoch, offset: before.head }, page);
  assert.notEqual(back.epoch, before.epoch);
  assert.equal(back.gap, "epoch");
  assert.equal(broker.stats().channels, 2);
});

test("[BND-2] at channelsMax the channel goes that was not used for longest, whatever the use was", async () => {
  const { broker, advance, publish } = setting({ ageMsMax: 1000 }, { channelsMax: 4 });
  const epochs = new Map<string, string>();
  const look = async (channel: string) => epochs.set(channel, (await broker.range(channel)).epoch);
  await publish("published", "1");
  await look("published");
  await look("read");
  await look("unused");
  await look("followed");
  advance(1000);
  const { stop } = await broker.follow("followed", nobody);
  await broker.range("published");
  await broker.read("read", "oldest", page);
  stop();
  await look("new");
  for (const channel of ["published", "read", "followed", "new"]) {
    assert.equal((await broker.range(channel)).epoch, epochs.get(channel), channel);
  }
  assert.notEqual((await broker.range("unused")).epoch, epochs.get("unused"));
  assert.notEqual((await broker.range("published")).epoch, epochs.get("published"));
});

test("[BND-2] channels with events, ids or followers stay; where all do, `overloaded` names the limit", async () => {
  const { broker, advance, publish } = setting({ ageMsMax: 5000, idAgeMsMax: 10_000 }, { channelsMax: 3 });
  await publish("events", "1");
  await broker.append("id", [draft("1", { id: "1" })]);
  const following = await broker.follow("followed", nobody);
  for (const call of [
    () => broker.range("new"),
    () => publish("new", "1"),
    () => broker.follow("new", nobody),
  ]) {
    assert.match(await refusal(call(), "overloaded"), /holds 3 channels, its limit.*channelsMax/);
  }
  assert.deepEqual(await texts(broker, "events"), ["1"]);
  advance(5000);
  await broker.range("new 1");
  assert.deepEqual(await texts(broker, "id"), [], "its events are old, its id is not");
  await broker.follow("new 1", nobody);
  await refusal(broker.range("new 2"), "overloaded");
  following.stop();
  await broker.range("new 2");
  const { results } = await broker.append("id", [draft("1", { id: "1" })]);
  assert.equal(results[0]?.duplicate, true);
});

test("[REV-3] what is kept gives no room to others, however long nobody has published there", async () => {
  const broker = new MemoryBroker({
    clock: { now: () => 0 },
    epochSeed: "keeper",
    limits: { bytesMax: 4000 },
    keeps: (channel) => channel === "kept",
  });
  for (const text of ["1", "2"]) await broker.append("kept", [draft(text)]);
  for (let n = 0; n < 50; n++) await broker.append("busy", [draft("x".repeat(500))]);
  assert.deepEqual(await texts(broker, "kept"), ["1", "2"]);
  assert.ok((await texts(broker, "busy")).length < 50);
});

test("[BND-2] a channel that bytesMax has emptied makes room at once", async () => {
  const { broker, publish } = setting({}, { channelsMax: 2, bytesMax: 1200 });
  await publish("quiet", "x".repeat(400));
  await publish("busy", "1");
  await refusal(broker.range("new"), "overloaded");
  await publish("busy", "x".repeat(300));
  assert.equal((await broker.range("new")).head, 1, "it may be one that had a past");
});

test("[STATE-2] after a channel with a past was evicted, no new one claims to have had none", async () => {
  const { broker, advance, publish } = setting({ ageMsMax: 1000 }, { channelsMax: 1 });
  await broker.range("unwritten");
  assert.equal((await broker.state("a")).truncatedAt, 0, "nothing was lost yet");
  await publish("a", "1");
  advance(1000);
  assert.deepEqual(await texts(broker, "b"), []);
  const { events, truncatedAt, to, epoch } = await broker.state("a");
  assert.deepEqual([events, truncatedAt, to], [[], 1, 1]);
  assert.deepEqual(await broker.range("a"), { epoch, floor: 1, head: 1, closed: false });
  assert.deepEqual(await publish("a", "2"), { epoch, offset: 2 });
});

test("[BND] eviction gives back everything: memory after a churn of channels is what it was before", async () => {
  const { broker, advance } = setting({ ageMsMax: 1000, idAgeMsMax: 1000 }, { channelsMax: 50 });
  for (let n = 0; n < 2000; n++) {
    const channel = `churn:${n}`;
    const { stop } = await broker.follow(channel, nobody);
    await broker.append(channel, [draft("x", { key: "k", id: "1" }), draft("y")]);
    await broker.close(channel);
    stop();
    advance(100);
  }
  advance(1000);
  broker.sweep();
  const { channels, events, followers } = broker.stats();
  assert.deepEqual([channels, events, followers], [50, 0, 0]);
  for (let n = 0; n < 50; n++) await broker.range(`fresh:${n}`);
  assert.deepEqual(broker.stats(), { channels: 50, events: 0, bytes: 0, followers: 0 });
});
