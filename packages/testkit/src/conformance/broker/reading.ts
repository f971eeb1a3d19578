import assert from "node:assert/strict";
import type { Draft, LogEvent } from "@holdfast/protocol";
import { payloadBytes } from "@holdfast/protocol";
import type { Subject } from "./subject.ts";
import { cursorsOf, floorOf, headOf, numbered, numberedBatch, numbers, readBack, rule } from "./subject.ts";

const limits = { eventsMax: 1000, bytesMax: 1024 * 1024 };

export const reading = [
  rule(
    "[READ-1] a channel that nobody published to has a position, the same for everyone",
    {},
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const range = await broker.range(channel);
      assert.equal(range.head, range.floor);
      assert.equal(range.closed, false);
      assert.deepEqual(await peer.range(channel), range);
      for (const after of ["oldest", "latest", headOf(range)] as const) {
        const page = await peer.read(channel, after, limits);
        assert.deepEqual(page, { epoch: range.epoch, from: range.head, to: range.head, events: [], range });
      }
      const [cursor] = cursorsOf(await peer.append(channel, [numbered(0)]));
      assert.equal(cursor?.epoch, range.epoch, "the first event makes no new log");
      assert.deepEqual((await readBack(broker, channel, headOf(range))).from, headOf(range));
    },
  ),

  rule("[CUR-3] `oldest` is the floor and `latest` the head", {}, async (subject) => {
    const { broker } = subject;
    const channel = subject.channel();
    await broker.append(channel, numberedBatch(0, 5));
    const oldest = await readBack(broker, channel, "oldest");
    assert.deepEqual(oldest.from, floorOf(oldest.range));
    assert.deepEqual(numbers(oldest.events), [0, 1, 2, 3, 4]);
    const latest = await readBack(broker, channel, "latest");
    assert.deepEqual(latest.from, headOf(latest.range));
    assert.deepEqual(latest.events, []);
  }),

  rule("[CUR-2] every cursor that was given can be read after, on every node", {}, async (subject) => {
    const { broker, peer } = subject;
    const channel = subject.channel();
    const start = headOf(await broker.range(channel));
    const cursors = [start, ...cursorsOf(await broker.append(channel, numberedBatch(0, 10)))];
    for (const node of [broker, peer]) {
      for (const [passed, cursor] of cursors.entries()) {
        const { from, events } = await readBack(node, channel, cursor);
        assert.deepEqual(from, cursor);
        assert.deepEqual(
          numbers(events),
          Array.from({ length: 10 - passed }, (_, n) => passed + n),
        );
      }
    }
  }),

  rule(
    "[READ-3] a long history is read back in pages, none missing and none repeated",
    {},
    async (subject) => {
      const { broker, peer, historyEvents } = subject;
      const channel = subject.channel();
      for (let n = 0; n < historyEvents; n += 1000) {
        await broker.append(channel, numberedBatch(n, Math.min(1000, historyEvents - n)));
      }
      const { events, from, range } = await readBack(peer, channel, "oldest", { ...limits, eventsMax: 999 });
      assert.deepEqual(from, floorOf(range));
      assert.equal(events.length, historyEvents);
      const wrong = numbers(events).findIndex((n, index) => n !== index);
      assert.equal(wrong, -1, `the event at ${wrong} is another`);
      assert.equal(events.at(-1)?.offset, range.head);
    },
  ),

  rule("[READ-3] a page keeps to its limits; one larger event still fits", {}, async (subject) => {
    const { broker } = subject;
    const channel = subject.channel();
    const sized = (bytes: number): Draft => ({ payload: { encoding: "text", text: "x".repeat(bytes) } });
    await broker.append(channel, [10, 10, 10, 100, 10, 10].map(sized));
    const sizes: number[] = [];
    let after = floorOf(await broker.range(channel));
    for (let more = true; more; ) {
      const page = await broker.read(channel, after, { eventsMax: 2, bytesMax: 25 });
      const held = page.events.map(({ payload }) => payloadBytes(payload));
      const bytes = held.reduce((sum, size) => sum + size, 0);
      assert.ok(
        held.length <= 2 && (bytes <= 25 || held.length === 1),
        `a page of ${held.join(" + ")} bytes`,
      );
      assert.ok(page.to > after.offset, "a page brings the reader on");
      sizes.push(...held);
      after = { epoch: page.epoch, offset: page.to };
      more = page.to < page.range.head;
    }
    assert.deepEqual(sizes, [10, 10, 10, 100, 10, 10]);
  }),

  rule(
    "[READ-2] `before` is the place that has so many events behind it, or the floor",
    {},
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const empty = await broker.before(channel, 3);
      assert.equal(empty.at, empty.floor);
      await broker.append(channel, numberedBatch(0, 4));
      await broker.append(channel, numberedBatch(4, 3));
      for (const count of [0, 1, 3, 6, 7, 8, 1000]) {
        const { epoch, at, floor } = await broker.before(channel, count);
        const { events } = await readBack(broker, channel, { epoch, offset: at });
        assert.deepEqual(numbers(events), [0, 1, 2, 3, 4, 5, 6].slice(Math.max(0, 7 - count)));
        if (count >= 7) assert.equal(at, floor);
      }
    },
  ),
];

/** Reads from a cursor that retention has overtaken. */
async function overtaken(subject: Subject, draft: (n: number) => Draft): Promise<LogEvent[]> {
  const { broker, peer } = subject;
  const channel = subject.channel();
  const start = headOf(await broker.range(channel));
  const [lost] = cursorsOf(await broker.append(channel, [draft(-1)]));
  assert.ok(lost);
  const kept = await subject.outgrow(channel, lost, draft);
  const { from, gap, events, range } = await readBack(peer, channel, start);
  assert.ok(from.offset >= lost.offset, `the page says that it begins at ${from.offset}`);
  assert.deepEqual(from, floorOf(range));
  assert.ok(gap === undefined || gap === "expired", `the gap is called ${gap}`);
  const wanted = kept.filter(({ offset }) => offset > from.offset);
  assert.deepEqual(
    events.map(({ offset }) => offset),
    wanted.map(({ offset }) => offset),
  );
  return events;
}

export const gaps = [
  rule(
    "[GAP-2] a cursor that retention by events has overtaken is read from the floor, and the page says so",
    { retention: { eventsMax: 20 } },
    async (subject) => {
      const events = await overtaken(subject, (n) => numbered(n));
      assert.ok(events.length >= 20, `${events.length} of 20 events were kept`);
    },
  ),

  rule(
    "[GAP-2] a cursor that retention by bytes has overtaken is read from the floor, and the page says so",
    { retention: { bytesMax: 20_000 } },
    async (subject) => {
      await overtaken(subject, (n) => ({ payload: { encoding: "text", text: `${n} `.padEnd(1000, "x") } }));
    },
  ),

  rule(
    "[GAP-2] a cursor that retention by age has overtaken is read from the floor, and the page says so",
    { retention: { ageMsMax: 10_000 }, clock: true },
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const start = headOf(await broker.range(channel));
      const old = cursorsOf(await broker.append(channel, numberedBatch(0, 3)));
      await subject.advance(6000);
      assert.equal((await readBack(broker, channel, start)).events.length, 3, "nothing goes before its time");
      await broker.append(channel, numberedBatch(3, 3));
      await subject.advance(6000);
      const { from, events, range } = await readBack(broker, channel, start);
      assert.deepEqual(from, old.at(-1));
      assert.deepEqual(from, floorOf(range));
      assert.deepEqual(numbers(events), [3, 4, 5]);
    },
  ),

  rule("[GAP-3] a cursor of another log is read from the floor of this one", {}, async (subject) => {
    const { broker } = subject;
    const [written, unwritten] = [subject.channel(), subject.channel()];
    const cursors = cursorsOf(await broker.append(written, numberedBatch(0, 3)));
    for (const offset of [0, ...cursors.map((cursor) => cursor.offset), 1000]) {
      const page = await broker.read(written, { epoch: "stranger", offset }, limits);
      assert.notEqual(page.epoch, "stranger");
      assert.equal(page.from, page.range.floor);
      assert.ok(page.gap === undefined || page.gap === "epoch");
      assert.deepEqual(numbers(page.events), [0, 1, 2]);
    }
    const page = await broker.read(unwritten, { epoch: "stranger", offset: 7 }, limits);
    assert.notEqual(page.epoch, "stranger");
    assert.deepEqual([page.from, page.to, page.events], [page.range.floor, page.range.floor, []]);
  }),

  rule("[GAP-3] a cursor beyond the head is read from the floor", {}, async (subject) => {
    const { broker } = subject;
    const channel = subject.channel();
    await broker.append(channel, numberedBatch(0, 3));
    const { epoch, head } = await broker.range(channel);
    const page = await broker.read(channel, { epoch, offset: head + 1 }, limits);
    assert.deepEqual([page.epoch, page.from], [epoch, page.range.floor]);
    assert.ok(page.gap === undefined || page.gap === "epoch");
    assert.deepEqual(numbers(page.events), [0, 1, 2]);
  }),
];
