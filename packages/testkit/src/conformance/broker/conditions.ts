import assert from "node:assert/strict";
import { formatCursor } from "@holdfast/protocol";
import { cursorsOf, headOf, numbered, numberedBatch, numbers, readBack, refused, rule } from "./subject.ts";

export const conditions = [
  rule(
    "[PUB-1] an append happens when the head is the cursor it names",
    { capability: "conditionalAppend" },
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const empty = headOf(await broker.range(channel));
      const first = cursorsOf(await broker.append(channel, [numbered(0)], empty));
      assert.equal(first.length, 1);
      const second = cursorsOf(await broker.append(channel, numberedBatch(1, 2), first[0]));
      await broker.append(channel, [numbered(3)], second[1]);
      assert.deepEqual(numbers((await readBack(broker, channel)).events), [0, 1, 2, 3]);
    },
  ),

  rule(
    "[PUB-1] else it is refused whole, and the head is told",
    { capability: "conditionalAppend" },
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const empty = headOf(await broker.range(channel));
      const cursors = cursorsOf(await broker.append(channel, numberedBatch(0, 2)));
      const range = await broker.range(channel);
      const head = headOf(range);
      const strangers = [
        { epoch: "stranger", offset: head.offset },
        { ...head, offset: head.offset + 1000 },
      ];
      for (const wrong of [empty, ...cursors.slice(0, 1), ...strangers]) {
        const refusal = await refused(
          broker.append(channel, numberedBatch(2, 2), wrong),
          "precondition_failed",
        );
        assert.equal(refusal.cursor, formatCursor(head));
      }
      assert.deepEqual(await broker.range(channel), range);
      assert.deepEqual(numbers((await readBack(broker, channel)).events), [0, 1]);
    },
  ),

  rule(
    "[PUB-1] of appends that race for the same head one wins",
    { capability: "conditionalAppend" },
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const head = headOf(await broker.range(channel));
      const racing = [broker, peer, broker, peer].map((node, n) => node.append(channel, [numbered(n)], head));
      const outcomes = await Promise.allSettled(racing);
      const won = outcomes.flatMap(({ status }, n) => (status === "fulfilled" ? [n] : []));
      assert.equal(won.length, 1);
      await Promise.all(
        racing.filter((_, n) => n !== won[0]).map((call) => refused(call, "precondition_failed")),
      );
      assert.deepEqual(numbers((await readBack(broker, channel)).events), won);
    },
  ),

  rule(
    "[PUB-1] a retry is answered as the first time before the condition is looked at [ACK-2]",
    { capability: "conditionalAppend" },
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const head = headOf(await broker.range(channel));
      const batch = [numbered(0, { id: "a" }), numbered(1, { id: "b" })];
      const { results } = await broker.append(channel, batch, head);
      const again = await broker.append(channel, batch, head);
      assert.deepEqual(
        again.results,
        results.map((result) => ({ ...result, duplicate: true })),
      );
      const mixed = [...batch, numbered(2, { id: "c" })];
      await refused(broker.append(channel, mixed, head), "precondition_failed");
      assert.deepEqual(numbers((await readBack(broker, channel)).events), [0, 1]);
    },
  ),
];
