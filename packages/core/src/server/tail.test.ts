import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LogEvent } from "@holdfast/protocol";
import fc from "fast-check";
import { EncodedEvent } from "./batch.ts";
import { Tail } from "./tail.ts";

function event(offset: number, bytes = 1): EncodedEvent {
  const log: LogEvent = { offset, at: 0, payload: { encoding: "text", text: "x".repeat(bytes) } };
  return new EncodedEvent("k", log);
}

const all = { eventsMax: 1000, bytesMax: 1_000_000 };

function tailOf(count: number, bounds = all): Tail {
  const tail = new Tail(0, bounds);
  for (let offset = 1; offset <= count; offset++) tail.push([event(offset)], offset);
  return tail;
}

const offsets = (events: readonly EncodedEvent[]) => events.map(({ offset }) => offset);

describe("a tail", () => {
  test("[DUP-1] gives what follows an offset, within limits, and says how far that reaches", () => {
    const tail = tailOf(10);
    assert.deepEqual(offsets(tail.after(7, all).events), [8, 9, 10]);
    const part = tail.after(2, { eventsMax: 3, bytesMax: 100 });
    assert.deepEqual([offsets(part.events), part.to], [[3, 4, 5], 5]);
    assert.deepEqual(tail.after(10, all), { events: [], to: 10 });
  });

  test("[DUP-1] reaches beyond its newest event where offsets are sparse", () => {
    const tail = new Tail(0, all);
    tail.push([event(7)], 12);
    assert.deepEqual([offsets(tail.after(3, all).events), tail.after(3, all).to], [[7], 12]);
    assert.deepEqual(tail.after(7, all), { events: [], to: 12 });
    assert.deepEqual(tail.after(9, all), { events: [], to: 12 });
  });

  test("[BND] keeps the newest within its bounds, and one event that is larger than they are", () => {
    const byCount = tailOf(10, { eventsMax: 4, bytesMax: 1000 });
    assert.deepEqual([byCount.from, byCount.length, byCount.bytes], [6, 4, 4]);
    const byBytes = new Tail(0, { eventsMax: 100, bytesMax: 10 });
    byBytes.push([event(1, 6), event(2, 6)], 2);
    assert.deepEqual([byBytes.from, byBytes.length], [1, 1]);
    byBytes.push([event(3, 500)], 3);
    assert.deepEqual([byBytes.from, byBytes.length, byBytes.bytes], [2, 1, 500]);
  });

  test("[BND] [DUP-1] a long life leaves it as it was", () => {
    const tail = tailOf(1000, { eventsMax: 10, bytesMax: 1000 });
    assert.deepEqual([tail.from, tail.to, tail.length, tail.bytes], [990, 1000, 10, 10]);
    assert.deepEqual(
      offsets(tail.after(990, all).events),
      [991, 992, 993, 994, 995, 996, 997, 998, 999, 1000],
    );
    assert.deepEqual(offsets(tail.after(995, all).events), [996, 997, 998, 999, 1000]);
  });

  test("[BND] what fits exactly is kept, at either end", () => {
    const tail = new Tail(4, { eventsMax: 3, bytesMax: 10 });
    tail.push([event(5, 4), event(6, 3)], 6);
    assert.deepEqual([tail.from, tail.bytes], [4, 7]);
    tail.extendBack(2, [event(3, 9), event(4, 3)]);
    assert.deepEqual([tail.from, tail.length, tail.bytes], [3, 3, 10]);
    tail.push([event(7, 3)], 7);
    assert.deepEqual([tail.from, tail.length, tail.bytes], [4, 3, 10]);
  });

  test("[BND] a page holds one event that is larger than its limit", () => {
    const tail = new Tail(0, all);
    tail.push([event(1, 50), event(2, 50)], 2);
    const page = tail.after(0, { eventsMax: 10, bytesMax: 10 });
    assert.deepEqual([offsets(page.events), page.to], [[1], 1]);
  });

  test("[DUP-1] grows backwards by a page that reaches into it, newest first, as far as there is room", () => {
    const tail = new Tail(20, { eventsMax: 5, bytesMax: 1000 });
    tail.push([event(21), event(22)], 22);
    tail.extendBack(
      14,
      [15, 16, 17, 18, 19, 20, 21].map((offset) => event(offset)),
    );
    assert.deepEqual([tail.from, tail.length], [17, 5]);
    assert.deepEqual(offsets(tail.after(17, all).events), [18, 19, 20, 21, 22]);
  });

  test("[DUP-1] grows backwards over a stretch without events", () => {
    const tail = new Tail(20, all);
    tail.extendBack(10, [event(25)]);
    assert.deepEqual([tail.from, tail.length], [10, 0]);
  });

  test("[DUP-1] [BND] holds every event between its ends, whatever was pushed, trimmed and put before it", () => {
    const step = fc.record({
      gap: fc.integer({ min: 1, max: 3 }),
      bytes: fc.integer({ min: 0, max: 9 }),
      beyond: fc.integer({ min: 0, max: 2 }),
      back: fc.option(fc.nat({ max: 30 })),
    });
    const bounds = fc.record({
      eventsMax: fc.integer({ min: 1, max: 90 }),
      bytesMax: fc.integer({ min: 1, max: 200 }),
    });
    fc.assert(
      fc.property(bounds, fc.array(step, { size: "large" }), (limits, steps) => {
        const tail = new Tail(0, limits);
        const log: EncodedEvent[] = [];
        let head = 0;
        for (const { gap, bytes, beyond, back } of steps) {
          const next = event(head + gap, bytes);
          log.push(next);
          head = next.offset + beyond;
          tail.push([next], head);
          if (back !== null && tail.from > 0) {
            const from = Math.max(0, tail.from - 1 - back);
            tail.extendBack(
              from,
              log.filter(({ offset }) => offset > from),
            );
          }
          const held = log.filter(({ offset }) => offset > tail.from);
          assert.deepEqual(
            offsets(tail.after(tail.from, { eventsMax: 9e9, bytesMax: 9e9 }).events),
            offsets(held),
          );
          assert.deepEqual([tail.to, tail.length], [head, held.length]);
          assert.equal(
            tail.bytes,
            held.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0),
          );
          assert.ok(tail.length <= limits.eventsMax);
          assert.ok(tail.bytes <= limits.bytesMax || tail.length === 1);
        }
      }),
    );
  });
});
