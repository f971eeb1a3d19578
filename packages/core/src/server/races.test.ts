import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCursor, parseCursor, type ServerMessage } from "@holdfast/protocol";
import { MemoryBroker } from "../broker/index.ts";
import { numbered, numbers, VirtualClock, World } from "./world.test-support.ts";

// One test for each of PROTOCOL.md's "Races, step by step", from the server's side.

const after = (cursor: string | undefined) => ({ after: parseCursor(cursor) });
const k = (offset: number) => after(`k-${offset}`);

/** The position of a client that took everything up to a message, and nothing after it. */
function positionAfter(messages: readonly ServerMessage[]): string | undefined {
  let position: string | undefined;
  for (const message of messages) {
    if (message.type === "subscribed") position ??= message.cursor;
    if (message.type === "events" || message.type === "gap") position = message.to;
  }
  return position;
}

/** What a client keeps of two links by CLI-2: the cursors of the events, each once. */
function taken(...messages: ServerMessage[]): string[] {
  const cursors: string[] = [];
  let position = 0;
  for (const message of messages) {
    if (message.type === "subscribed") position ||= parseCursor(message.cursor).offset;
    if (message.type !== "events" || parseCursor(message.to).offset <= position) continue;
    assert.ok(parseCursor(message.from).offset <= position, "a hole");
    for (const { cursor } of message.events) {
      if (parseCursor(cursor).offset > position) cursors.push(cursor);
    }
    position = parseCursor(message.to).offset;
  }
  return cursors;
}

test("[race] [DUP-1] [READ-1] subscribe while events arrive: each is before the head that was told, or in the first batch", async () => {
  const world = new World();
  world.log().append(...numbers(3));
  const follow = world.broker.hold("follow", "call");
  const client = world.client();
  void client.subscribe("a");
  await world.settle();
  // Heard before the hub knows where it stands.
  world.log().append(...numbers(2, 4));
  const read = world.broker.hold("read");
  follow.release();
  await world.settle();
  world.log().append(numbered(6));
  read.release();
  await world.settle();
  assert.deepEqual(client.told, ["subscribed k-3", "events k-3 k-6"]);
  client.check("a");
});

test("[race] [READ-1] cut before the first event: the client resumes from where it was told that it starts", async () => {
  const world = new World();
  world.log().append(...numbers(15));
  const first = await world.reader();
  assert.deepEqual(first.told, ["subscribed k-15"]);
  first.session.gone();
  world.log().append(...numbers(2, 16));
  const second = await world.reader(after(positionAfter(first.messages)));
  assert.deepEqual(second.told, ["subscribed k-15", "events k-15 k-17"]);
});

test("[race] [HTTP-4] cut between the write and the read: what the server believed dies with the connection", async () => {
  const world = new World();
  world.log().append(...numbers(15));
  const first = await world.reader();
  world.log().append(...numbers(2, 16));
  await world.settle();
  // The last message is written, and never read.
  const position = positionAfter(first.messages.slice(0, -1));
  first.session.gone();
  const second = await world.reader(after(position));
  assert.deepEqual(second.told, ["subscribed k-15", "events k-15 k-17"]);
});

test("[race] [DUP-1] two links at once: both deliver, in batches that can be told apart", async () => {
  const world = new World();
  world.log().append(...numbers(15));
  const old = await world.reader();
  world.log().append(numbered(16));
  await world.settle();
  const link = await world.reader(k(15));
  world.log().append(numbered(17));
  await world.settle();
  assert.deepEqual(old.told, ["subscribed k-15", "events k-15 k-16", "events k-16 k-17"]);
  assert.deepEqual(link.told, ["subscribed k-15", "events k-15 k-16", "events k-16 k-17"]);
  const interleaved = old.messages.flatMap((message, index) => [message, link.messages[index] ?? message]);
  assert.deepEqual(taken(...interleaved), ["k-16", "k-17"]);
});

test("[race] [HTTP-4] a half-dead old link: whatever it does, the new one does not notice", async () => {
  const world = new World();
  world.log().append(...numbers(15));
  const old = await world.reader();
  old.sink.room = 1;
  world.log().append(...numbers(2, 16));
  await world.settle();
  const link = await world.reader(k(15));
  for (const draft of numbers(13, 18)) {
    world.log().append(draft);
    await world.settle();
  }
  // It wakes, says what the client has long had, and dies.
  old.drain();
  await world.settle();
  old.session.gone();
  world.log().append(numbered(31));
  await world.settle();
  assert.deepEqual(link.check("a").position, { epoch: "k", offset: 31 });
  assert.equal(link.check("a").events.length, 16);
  assert.deepEqual(taken(...link.messages, ...old.messages), link.check("a").events);
});

test("[race] [ACK-1] [ACK-2] [ACK-4] publish, answer lost: the retry on another node is told the first answer, in order", async () => {
  const clock = new VirtualClock();
  const broker = new MemoryBroker({ clock, epochSeed: "abcdef" });
  const [one, two] = [new World({ broker }), new World({ broker })];
  const drafts = numbers(2).map((draft, index) => ({ ...draft, id: `id-${index}` }));
  const lost = one.client();
  for (const [ref, draft] of drafts.entries()) lost.session.publish(ref, "a", [draft]);
  lost.session.gone();
  await one.settle();
  assert.deepEqual(lost.messages, []);
  const again = two.client();
  for (const [ref, draft] of drafts.entries()) again.session.publish(ref, "a", [draft]);
  await two.settle();
  assert.deepEqual(
    again.sink.of("published").map(({ ref, results }) => [ref, results[0]?.cursor, results[0]?.duplicate]),
    [
      [0, "abcdef0-1", true],
      [1, "abcdef0-2", true],
    ],
  );
  assert.equal((await broker.range("a")).head, 2);
});

test("[race] [GAP-2] [GAP-3] the log is recreated: nothing pretends that the client was current", async () => {
  const world = new World();
  world.log().recreate("m");
  world.log().append(...numbers(40));
  const client = await world.reader(k(900));
  assert.deepEqual(client.told, ["subscribed k-900", "gap k-900 m-0 epoch", "events m-0 m-40"]);
  client.check("a");
});

test("[race] [GAP-1] [GAP-2] [BND-1] retention overtakes a slow reader: a gap to where the log begins, then the batch from there", async () => {
  const world = new World({ namespace: { tailEventsMax: 4 } });
  const slow = await world.reader();
  slow.sink.room = 1;
  world.log().append(...numbers(15));
  await world.settle();
  for (let value = 16; value <= 60; value++) world.log().append(numbered(value));
  await world.settle();
  world.log().trim(40);
  slow.drain();
  await world.settle();
  assert.deepEqual(slow.told, [
    "subscribed k-0",
    "events k-0 k-15",
    "gap k-15 k-40 expired",
    "events k-40 k-60",
  ]);
  slow.check("a");
});

test("[race] [SUB-5] unsubscribe and subscribe again: what is sent after the new answer belongs to it", async () => {
  const world = new World();
  const client = world.client({ greets: true });
  client.say({ type: "hello", subscriptions: [{ channel: "a" }] });
  await world.settle();
  world.log().append(...numbers(2));
  client.say({ type: "unsubscribe", channels: ["a"] });
  client.say({ type: "subscribe", subscriptions: [{ channel: "a", after: "k-1" }] });
  world.log().append(numbered(3));
  await world.settle();
  assert.deepEqual(client.told, [
    "welcome",
    "subscribed k-0",
    "unsubscribed",
    "subscribed k-1",
    "events k-1 k-3",
  ]);
  client.check("a");
});

test("[race] [END-1] close while readers lag: pages to the end, and then the end", async () => {
  const world = new World({ limits: { pageEventsMax: 20 } });
  world.log().append(...numbers(50));
  const held = world.broker.hold("read");
  const client = await world.reader(k(20));
  world.log().close();
  world.broker.unhold("read");
  held.release();
  await world.settle();
  assert.deepEqual(client.told, ["subscribed k-20", "events k-20 k-40", "events k-40 k-50", "end k-50"]);
  assert.equal(client.check("a").hasEnded, true);
});

test("[race] [JSON-1] a page while the head moves: its cursor makes the next one exact", async () => {
  const world = new World();
  const limits = { eventsMax: 100, bytesMax: 1000 };
  world.log().append(...numbers(17));
  const page = await world.hubs.page("a", k(15), limits);
  assert.deepEqual([page.more, formatCursor(page.to)], [false, "k-17"]);
  world.log().append(numbered(18));
  const next = await world.hubs.page("a", { after: page.to }, limits);
  assert.deepEqual([next.events.map(({ cursor }) => cursor), next.gap], [["k-18"], null]);
});
