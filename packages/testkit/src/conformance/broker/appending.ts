import assert from "node:assert/strict";
import type { Draft } from "@holdfast/protocol";
import { formatCursor, parseCursor } from "@holdfast/protocol";
import {
  comparable,
  cursorsOf,
  floorOf,
  headOf,
  numbered,
  numberedBatch,
  numbers,
  readBack,
  rule,
} from "./subject.ts";

const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

const everyKind: readonly Draft[] = [
  { payload: { encoding: "json", text: ' { "spaced" : [1, 2.50, "é ☕ 👍"] }' } },
  {
    payload: { encoding: "json", text: "null" },
    type: "order.paid",
    key: "order-7",
    id: "01J9",
    from: "ada",
  },
  { payload: { encoding: "text", text: "two\nlines, a NUL \u0000 and a line separator \u2028" } },
  { payload: { encoding: "text", text: "" }, key: "~" },
  { payload: { encoding: "base64", bytes: everyByte } },
  { payload: { encoding: "base64", bytes: new Uint8Array(0) }, from: "Grace Hopper, née Murray" },
];

export const appending = [
  rule(
    "[ACK-1] what was acknowledged is in the log exactly once, where and when the answer says",
    {},
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const results = [
        ...(await broker.append(channel, [numbered(0)])).results,
        ...(await broker.append(channel, numberedBatch(1, 3))).results,
        ...(await broker.append(channel, [numbered(4, { id: "a" })])).results,
      ];
      const { events, range } = await readBack(broker, channel);
      assert.deepEqual(numbers(events), [0, 1, 2, 3, 4]);
      assert.deepEqual(
        results,
        events.map(({ offset, at }) => ({ cursor: { epoch: range.epoch, offset }, at, duplicate: false })),
      );
      assert.deepEqual(results.at(-1)?.cursor, headOf(range));
    },
  ),

  rule("[ACK-1] a batch of nothing is answered with nothing", {}, async (subject) => {
    const channel = subject.channel();
    assert.deepEqual(await subject.broker.append(channel, []), { results: [] });
    assert.deepEqual((await readBack(subject.broker, channel)).events, []);
  }),

  rule(
    "[EVT-1] payloads of every kind, and labels, come back as they were published",
    {},
    async (subject) => {
      const channel = subject.channel();
      await subject.broker.append(channel, everyKind);
      const { events } = await readBack(subject.peer, channel);
      const published = events.map(({ offset: _, at: __, ...draft }) => draft);
      const offsetless = (draft: Draft) => comparable({ ...draft, offset: 0, at: 0 });
      assert.deepEqual(published.map(offsetless), everyKind.map(offsetless));
    },
  ),

  rule("[CUR-1] the cursors that a broker gives can be written and read", {}, async (subject) => {
    const channel = subject.channel();
    const cursors = cursorsOf(await subject.broker.append(channel, numberedBatch(0, 3)));
    const range = await subject.broker.range(channel);
    for (const cursor of [...cursors, floorOf(range), headOf(range)]) {
      assert.deepEqual(parseCursor(formatCursor(cursor)), cursor);
    }
  }),

  rule(
    "[ACK-2] a retry appends nothing and is answered as the first time, on every node",
    {},
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const draft = numbered(1, { id: "a", from: "ada" });
      const [first] = (await broker.append(channel, [draft])).results;
      assert.equal(first?.duplicate, false);
      await broker.append(channel, [numbered(2)]);
      for (const node of [broker, peer]) {
        assert.deepEqual((await node.append(channel, [draft])).results, [{ ...first, duplicate: true }]);
      }
      assert.deepEqual(numbers((await readBack(broker, channel)).events), [1, 2]);
    },
  ),

  rule(
    "[ACK-2] an id is remembered while no more than idsMax came since",
    { retention: { idsMax: 100 } },
    async (subject) => {
      const channel = subject.channel();
      const draft = numbered(0, { id: "first" });
      const [first] = (await subject.broker.append(channel, [draft])).results;
      const others = Array.from({ length: 99 }, (_, n) => numbered(n + 1, { id: `other-${n}` }));
      await subject.broker.append(channel, others);
      assert.deepEqual((await subject.broker.append(channel, [draft])).results, [
        { ...first, duplicate: true },
      ]);
      assert.equal((await readBack(subject.broker, channel)).events.length, 100);
    },
  ),

  rule("[ACK-2] an id is its publisher's and its channel's own", {}, async (subject) => {
    const channels = [subject.channel(), subject.channel()];
    const drafts = [
      numbered(0, { id: "a" }),
      numbered(1, { id: "a", from: "ada" }),
      numbered(2, { id: "a", from: "bob" }),
      numbered(3, { id: "b", from: "ada" }),
    ];
    for (const channel of channels) {
      for (const draft of drafts) {
        const { results } = await subject.broker.append(channel, [draft]);
        assert.equal(results[0]?.duplicate, false);
      }
      assert.deepEqual(numbers((await readBack(subject.broker, channel)).events), [0, 1, 2, 3]);
    }
  }),

  rule("[ACK-2] the same publish in flight many times, on every node, appends once", {}, async (subject) => {
    const { broker, peer } = subject;
    const channel = subject.channel();
    const draft = numbered(0, { id: "a" });
    const nodes = [broker, peer, broker, peer, broker, peer];
    const answers = await Promise.all(nodes.map((node) => node.append(channel, [draft])));
    const results = answers.flatMap((answer) => answer.results);
    const { events, range } = await readBack(broker, channel);
    assert.equal(events.length, 1);
    for (const { cursor } of results) assert.deepEqual(cursor, headOf(range));
    assert.equal(results.filter(({ duplicate }) => !duplicate).length, 1);
  }),

  rule("[ACK-3] a batch is appended in its order and without another event between", {}, async (subject) => {
    const { broker, peer } = subject;
    const channel = subject.channel();
    const batches = Array.from({ length: 20 }, (_, n) => numberedBatch(n * 100, 25));
    await Promise.all(
      batches.flatMap((batch, n) => {
        const node = n % 2 === 0 ? broker : peer;
        return [node.append(channel, batch), node.append(channel, [numbered(-1)])];
      }),
    );
    const read = numbers((await readBack(broker, channel)).events);
    assert.equal(read.length, 20 * 26);
    for (const batch of batches) {
      const wanted = batch.map(({ payload }) => (payload.encoding === "json" ? payload.text : ""));
      const first = read.findIndex((n) => `{"n":${n}}` === wanted[0]);
      assert.deepEqual(
        read.slice(first, first + 25).map((n) => `{"n":${n}}`),
        wanted,
      );
    }
  }),

  rule("[ACK-3] a batch of known and new ids appends the new ones, and answers each", {}, async (subject) => {
    const { broker } = subject;
    const channel = subject.channel();
    const [known] = (await broker.append(channel, [numbered(0, { id: "known" })])).results;
    const batch = [
      numbered(1, { id: "b" }),
      numbered(0, { id: "known" }),
      numbered(2),
      numbered(3, { id: "c" }),
    ];
    const { results } = await broker.append(channel, batch);
    const { events, range } = await readBack(broker, channel);
    assert.deepEqual(numbers(events), [0, 1, 2, 3]);
    const [, first, second, third] = events.map(({ offset, at }) => {
      return { cursor: { epoch: range.epoch, offset }, at, duplicate: false };
    });
    assert.deepEqual(results, [first, { ...known, duplicate: true }, second, third]);
  }),

  rule("[ACK-3] an id twice in a batch is appended once", {}, async (subject) => {
    const channel = subject.channel();
    const batch = [numbered(0, { id: "a" }), numbered(1), numbered(0, { id: "a" })];
    const { results } = await subject.broker.append(channel, batch);
    assert.deepEqual(numbers((await readBack(subject.broker, channel)).events), [0, 1]);
    assert.deepEqual(
      results.map(({ duplicate }) => duplicate),
      [false, false, true],
    );
    assert.deepEqual(results[2], { ...results[0], duplicate: true });
  }),

  rule("[ACK-4] appends that nobody waited for keep the order of their calls", {}, async (subject) => {
    const channel = subject.channel();
    const drafts = numberedBatch(0, 200).map((draft, n) =>
      n % 3 === 0 ? draft : { ...draft, id: `id-${n}` },
    );
    const calls = drafts.map((draft) => subject.broker.append(channel, [draft]));
    const offsets = (await Promise.all(calls)).flatMap(cursorsOf).map(({ offset }) => offset);
    const { events } = await readBack(subject.broker, channel);
    assert.deepEqual(numbers(events), Array.from(calls.keys()));
    assert.deepEqual(
      offsets,
      events.map(({ offset }) => offset),
    );
  }),
];
