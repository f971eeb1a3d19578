import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cursor, formatCursor, parseCursor } from "@holdfast/protocol";
import fc from "fast-check";
import { decodeIncoming } from "./incoming.ts";
import { events } from "./rig.test.ts";
import { Subscription, stepOfBatch, stepOfGap } from "./subscription.ts";

const wants = { start: { after: "latest" as const }, signals: false, presence: false };

function at(cursor: string | undefined, bufferedMax = 1000): Subscription {
  const subscription = new Subscription("a", wants, bufferedMax);
  if (cursor !== undefined) subscription.subscribed(parseCursor(cursor));
  return subscription;
}

let turns = 0;

/** Each in a turn of its own. */
function take(subscription: Subscription, from: number, to: number, epoch = "k"): unknown {
  const message = decodeIncoming(events("a", from, to, epoch));
  assert.ok(message?.type === "batch");
  const taken = subscription.take(message.batch, turns++);
  return taken === "hole" ? taken : taken.map(({ data }) => data);
}

test("[CLI-1] `subscribed` sets a position where there was none, and moves none", () => {
  const subscription = at(undefined);
  assert.equal(subscription.position, undefined);
  assert.equal(subscription.subscribed(parseCursor("k-15")), true);
  assert.equal(subscription.subscribed(parseCursor("k-40")), false);
  assert.equal(subscription.positionText, "k-15");
});

test("[CLI-1] events and gaps move the position", () => {
  const subscription = at("k-15");
  assert.deepEqual(take(subscription, 15, 17), [16, 17]);
  assert.equal(subscription.positionText, "k-17");
  subscription.skip(parseCursor("k-17"), parseCursor("m-3"), "epoch");
  assert.equal(subscription.positionText, "m-3");
});

test("[CLI-2] a batch from the position is taken, one that lies behind is dropped", () => {
  const subscription = at("k-15");
  assert.deepEqual(take(subscription, 12, 15), []);
  assert.deepEqual(take(subscription, 15, 17), [16, 17]);
  assert.deepEqual(take(subscription, 15, 17), []);
  assert.equal(subscription.positionText, "k-17");
});

test("[CLI-2] a batch that begins before the position and ends after it is taken from there on", () => {
  const subscription = at("k-16");
  assert.deepEqual(take(subscription, 12, 18), [17, 18]);
  assert.equal(subscription.positionText, "k-18");
});

test("[CLI-2] any other batch shows a hole: nothing is taken and nothing moves", () => {
  const subscription = at("k-15");
  assert.equal(take(subscription, 16, 17), "hole");
  assert.equal(take(subscription, 15, 17, "m"), "hole");
  assert.equal(take(subscription, 2, 9, "m"), "hole");
  assert.equal(subscription.positionText, "k-15");
  assert.equal(take(at(undefined), 0, 1), "hole");
});

test("[CLI-2] offsets may be sparse: what counts is that the batch begins here", () => {
  const subscription = at("k-15");
  const sparse = { type: "events", channel: "a", from: "k-10", to: "k-40" };
  const list = [12, 15, 22, 40].map((offset) => ({ cursor: `k-${offset}`, at: 0, data: offset }));
  const message = decodeIncoming({ ...sparse, events: list });
  assert.ok(message?.type === "batch");
  const taken = subscription.take(message.batch, 0);
  assert.deepEqual(taken === "hole" ? taken : taken.map(({ cursor }) => cursor), ["k-22", "k-40"]);
});

test("[CLI-2] a batch may move the position without an event", () => {
  const subscription = at("k-15");
  const message = decodeIncoming({ type: "events", channel: "a", from: "k-15", to: "k-19", events: [] });
  assert.ok(message?.type === "batch");
  assert.deepEqual(subscription.take(message.batch, 0), []);
  assert.equal(subscription.positionText, "k-19");
});

test("[CLI-3] what it says to a server is its position, once it has one, else what was asked for", () => {
  const subscription = new Subscription("a", { ...wants, start: { last: 3 }, signals: true }, 10);
  assert.deepEqual(subscription.toWire(), { channel: "a", last: 3, signals: true });
  subscription.subscribed(parseCursor("k-15"));
  assert.deepEqual(subscription.toWire(), { channel: "a", after: "k-15", signals: true });
  const resumed = new Subscription("a", { ...wants, start: { after: parseCursor("k-9") } }, 10);
  assert.deepEqual(resumed.toWire(), { channel: "a", after: "k-9" });
});

test("[GAP-1] a gap is told as this reader sees it, and only once", () => {
  const gap = (position: string, from: string, to: string) => {
    const subscription = at(position);
    const told = subscription.skip(parseCursor(from), parseCursor(to), "expired");
    return [
      told === undefined || told === "hole" ? told : `${told.from} ${told.to}`,
      subscription.positionText,
    ];
  };
  assert.deepEqual(gap("k-15", "k-15", "k-40"), ["k-15 k-40", "k-40"]);
  assert.deepEqual(gap("k-20", "k-15", "k-40"), ["k-20 k-40", "k-40"], "another link was faster");
  assert.deepEqual(gap("k-40", "k-15", "k-40"), [undefined, "k-40"]);
  assert.deepEqual(gap("k-14", "k-15", "k-40"), ["hole", "k-14"]);
  assert.deepEqual(gap("k-900", "k-900", "m-0"), ["k-900 m-0", "m-0"]);
  assert.deepEqual(gap("k-902", "k-900", "m-0"), ["k-902 m-0", "m-0"]);
  assert.deepEqual(gap("m-7", "k-900", "m-0"), [undefined, "m-7"]);
  assert.deepEqual(gap("k-900", "k-900", "k-0"), ["k-900 k-0", "k-0"], "the log does not reach that far");
});

test("[GAP-1] a step is one of four, and only a hole leaves something untold", () => {
  const cursor = fc.record({ epoch: fc.constantFrom("k", "m"), offset: fc.nat(6) });
  const ahead = (a: Cursor, b: Cursor) => a.epoch === b.epoch && a.offset >= b.offset;
  fc.assert(
    fc.property(cursor, cursor, fc.nat(6), (position, from, length) => {
      const to = { epoch: from.epoch, offset: from.offset + length };
      const step = stepOfBatch(position, from, to);
      assert.equal(step === "hole", !ahead(position, from), "a hole is what lies beyond the position");
      if (step === "drop") assert.ok(ahead(position, to));
      if (step === "rest") assert.ok(!ahead(position, to));
    }),
  );
  fc.assert(
    fc.property(cursor, cursor, cursor, (position, from, to) => {
      const step = stepOfGap(position, from, to);
      if (step === "hole") assert.ok(!ahead(position, from) && !ahead(position, to));
      if (step === "take") assert.equal(formatCursor(position), formatCursor(from));
    }),
  );
});

test("[BND-1] it parks where more comes on top of what its application let lie, and returns when half of the bound is left", () => {
  const subscription = at("k-0", 10);
  const phase = () => subscription.phase.type;
  take(subscription, 0, 12);
  assert.equal(phase(), "active", "a page is no backlog before its application had a turn");
  take(subscription, 12, 13);
  assert.equal(phase(), "parked");
  assert.equal(subscription.consumed(7), false);
  assert.equal(subscription.consumed(1), true);
  assert.equal(phase(), "active");
  assert.equal(subscription.positionText, "k-13");
});

test("[BND-1] sixteen times the bound is all that it takes, be it in one turn", () => {
  const subscription = at("k-0", 10);
  const inOneTurn = (from: number, to: number) => {
    const message = decodeIncoming(events("a", from, to));
    assert.ok(message?.type === "batch");
    subscription.take(message.batch, -2);
  };
  inOneTurn(0, 159);
  assert.ok(subscription.isTaking && subscription.isActive);
  inOneTurn(159, 160);
  assert.ok(!subscription.isTaking && !subscription.isActive);
  subscription.consumed(1);
  assert.ok(subscription.isTaking && !subscription.isActive);
});

/** What a link brings: a stretch of one log, cut into batches anywhere, some of them twice, some never. */
const link = fc
  .record({
    start: fc.nat(12),
    lengths: fc.array(fc.nat(5), { maxLength: 8 }),
    repeat: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    lose: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
    isLossy: fc.boolean(),
  })
  .map(({ start, lengths, repeat, lose, isLossy }) => {
    const batches: { from: number; to: number }[] = [];
    let from = start;
    for (const [index, length] of lengths.entries()) {
      const batch = { from, to: from + length };
      from = batch.to;
      if (isLossy && lose[index]) continue;
      batches.push(batch, ...(repeat[index] ? [batch] : []));
    }
    return batches;
  });

test("[CLI-2] [DUP-1] [MOVE-1] any interleaving of two links gives each event once and in order, or a hole", () => {
  fc.assert(
    fc.property(link, link, fc.infiniteStream(fc.boolean()), fc.nat(12), (left, right, choice, start) => {
      const subscription = at(`k-${start}`);
      const given: number[] = [];
      const queues = [left.slice(), right.slice()];
      while (queues.some((queue) => queue.length > 0)) {
        const first = choice.next().value ? 0 : 1;
        const batch = queues[first]?.shift() ?? queues[1 - first]?.shift();
        assert.ok(batch);
        const before = Number(subscription.positionText?.slice(2));
        const taken = take(subscription, batch.from, batch.to);
        if (taken === "hole") assert.ok(batch.from > before, "a hole is reported only where there is one");
        else given.push(...(taken as number[]));
        const after = Number(subscription.positionText?.slice(2));
        assert.equal(after, taken === "hole" ? before : Math.max(before, batch.to));
        assert.equal(given.length, after - start, "what was passed was delivered");
      }
      assert.deepEqual(
        given,
        Array.from(given, (_, index) => start + index + 1),
      );
    }),
    { numRuns: 2000 },
  );
});
