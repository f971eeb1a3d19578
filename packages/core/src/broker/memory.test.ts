import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCursor, parseCursor } from "@holdfast/protocol";
import { MemoryBroker } from "./memory.ts";
import type { LogBatch } from "./port.ts";
import { draft, nobody, refusal, setting, texts } from "./rig.test.ts";

test("[CUR-1] every log has an epoch of its own, made of the seed", async () => {
  const { broker, publish } = setting();
  const cursors = [await publish("a", "1"), await publish("b", "1"), await publish("a", "2")];
  assert.deepEqual(cursors.map(formatCursor), ["k3v9x20-1", "k3v9x21-1", "k3v9x20-2"]);
  for (const cursor of cursors) assert.deepEqual(parseCursor(formatCursor(cursor)), cursor);
  assert.equal((await broker.range("never")).epoch, "k3v9x22");
});

test("a seed that is no part of an epoch is refused", () => {
  for (const epochSeed of ["", "short", "toolong", "UPPER1", "a-b-c-", "žluťou"]) {
    assert.throws(
      () => new MemoryBroker({ clock: { now: () => 0 }, epochSeed }),
      /epochSeed is 6 characters/,
    );
  }
});

test("[ACK-2] an id is forgotten when it is old, or when enough others came", async () => {
  const { broker, advance } = setting({ idAgeMsMax: 1000, idsMax: 3 });
  const duplicate = async (id: string) =>
    (await broker.append("a", [draft("x", { id })])).results[0]?.duplicate;
  assert.equal(await duplicate("1"), false);
  advance(999);
  assert.equal(await duplicate("1"), true);
  advance(1);
  assert.equal(
    await duplicate("1"),
    false,
    "the window begins with the first publish, not with the last retry",
  );
  for (const id of ["2", "3"]) assert.equal(await duplicate(id), false);
  assert.equal(await duplicate("1"), true);
  assert.equal(await duplicate("4"), false);
  assert.equal(await duplicate("1"), false);
});

test("[ACK-3] a batch keeps its ids together, also when it has more than are remembered", async () => {
  const { broker } = setting({ idsMax: 0 });
  const { results } = await broker.append("a", [
    draft("x", { id: "1" }),
    draft("y"),
    draft("x", { id: "1" }),
  ]);
  assert.deepEqual(
    results.map(({ duplicate }) => duplicate),
    [false, false, true],
  );
  assert.deepEqual(await texts(broker, "a"), ["x", "y"]);
});

test("[ORD-1] observers have heard, and the log can be read, before the publisher is answered", async () => {
  const { broker } = setting();
  const batches: LogBatch[] = [];
  const observer = { ...nobody, appended: (batch: LogBatch) => batches.push(batch) };
  await broker.follow("a", observer);
  await broker.follow("a", observer);
  const answer = broker.append("a", [draft("1"), draft("2")]);
  assert.equal(batches.length, 2);
  assert.equal(batches[0], batches[1], "one object for all");
  assert.deepEqual([batches[0]?.from, batches[0]?.to, batches[0]?.events.length], [0, 2, 2]);
  await answer;
});

test("what an observer throws is reported with its channel", async () => {
  const reports: [unknown, string][] = [];
  const { broker, publish } = setting({}, {}, { observerFailed: (...report) => reports.push(report) });
  const broken = new Error("This observer is broken.");
  const appended = () => {
    throw broken;
  };
  await broker.follow("a", { ...nobody, appended });
  await publish("a", "1");
  assert.deepEqual(reports, [[broken, "a"]]);
});

test("a broker that was stopped holds nothing, and stopping to follow afterwards is safe", async () => {
  const { broker, publish } = setting();
  const { stop } = await broker.follow("a", nobody);
  await publish("a", "1");
  await broker.stop();
  assert.deepEqual(broker.stats(), { channels: 0, events: 0, bytes: 0, followers: 0 });
  stop();
  broker.sweep();
  assert.deepEqual(broker.stats(), { channels: 0, events: 0, bytes: 0, followers: 0 });
  await refusal(publish("a", "2"), "broker_unavailable");
});

test("[READ-3] each of 100,000 cursors of a full log is found where it is, after the ring has gone round", async () => {
  const { broker } = setting({ eventsMax: 1000 });
  const { epoch } = await broker.range("a");
  for (let n = 1; n <= 100_000; n += 100) {
    await broker.append(
      "a",
      Array.from({ length: 100 }, (_, index) => draft(`${n + index}`)),
    );
    const floor = Math.max(0, n + 99 - 1000);
    for (const offset of [floor, floor + 1, n + 50, n + 98]) {
      const { events, gap } = await broker.read("a", { epoch, offset }, { eventsMax: 1, bytesMax: 0 });
      assert.equal(gap, undefined);
      assert.equal(events[0]?.offset, offset + 1);
      assert.deepEqual(events[0]?.payload, { encoding: "text", text: `${offset + 1}` });
    }
  }
});
