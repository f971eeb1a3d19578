import assert from "node:assert/strict";
import type { LogEvent } from "@holdfast/protocol";
import { comparable, cursorsOf, numbered, numbers, readBack, rule } from "./subject.ts";

const needs = { capability: "state" } as const;

/** The newest event of each key, oldest first, as anyone can compute it who has them all. */
function newestByKey(events: readonly LogEvent[]): LogEvent[] {
  const newest = new Map(events.map((event) => [event.key ?? "", event]));
  return [...newest.values()].sort((a, b) => a.offset - b.offset);
}

export const state = [
  rule(
    "[STATE-1] the state is the newest event of each key, oldest first; no key counts as one key",
    needs,
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const keys = ["a", undefined, "b", "a", "c", undefined, "b", "d"];
      const labels = keys.map((key) => (key === undefined ? {} : { key }));
      await broker.append(
        channel,
        labels.map((label, n) => numbered(n, label)),
      );
      const { events, range } = await readBack(broker, channel);
      for (const node of [broker, peer]) {
        const found = await node.state(channel);
        assert.deepEqual([found.epoch, found.to, found.truncatedAt], [range.epoch, range.head, 0]);
        assert.deepEqual(found.events.map(comparable), newestByKey(events).map(comparable));
        assert.deepEqual(numbers(found.events), [3, 4, 5, 6, 7]);
      }
    },
  ),

  rule("[STATE-1] the state of a channel that nobody published to is empty", needs, async (subject) => {
    const channel = subject.channel();
    const { epoch, head } = await subject.broker.range(channel);
    assert.deepEqual(await subject.broker.state(channel), { epoch, to: head, events: [], truncatedAt: 0 });
  }),

  rule(
    "[STATE-1] the state and what follows its cursor are the whole, also while others publish",
    needs,
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const appends = Array.from({ length: 100 }, (_, n) => {
        const node = n % 2 === 0 ? broker : peer;
        const states = n % 10 === 0 ? [peer.state(channel)] : [];
        return { append: node.append(channel, [numbered(n, { key: `k${n % 7}` })]), states };
      });
      const found = await Promise.all(appends.flatMap(({ states }) => states));
      await Promise.all(appends.map(({ append }) => append));
      const all = (await readBack(broker, channel)).events;
      for (const { epoch, to, events } of found) {
        assert.deepEqual(
          events.map(comparable),
          newestByKey(all.filter(({ offset }) => offset <= to)).map(comparable),
        );
        const after = await readBack(broker, channel, { epoch, offset: to });
        assert.deepEqual(
          newestByKey([...events, ...after.events]).map(comparable),
          newestByKey(all).map(comparable),
        );
      }
    },
  ),

  rule(
    "[STATE-2] the state outlives retention",
    { ...needs, retention: { eventsMax: 20 } },
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const old = cursorsOf(await broker.append(channel, [numbered(-2, { key: "a" }), numbered(-1)]));
      const lost = old.at(-1);
      assert.ok(lost);
      const flood = await subject.outgrow(channel, lost, (n) => numbered(n, { key: "b" }));
      const { events, truncatedAt } = await broker.state(channel);
      assert.deepEqual(numbers(events), [-2, -1, flood.length - 1]);
      assert.equal(truncatedAt, 0);
    },
  ),

  rule(
    "[STATE-2] where the limit of keys removed some, the state says up to where",
    { ...needs, retention: { stateKeysMax: 10 } },
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const append = async (n: number) =>
        cursorsOf(await broker.append(channel, [numbered(n, { key: `k${n}` })]))[0];
      for (let n = 0; n < 10; n++) await append(n);
      assert.equal((await broker.state(channel)).truncatedAt, 0, "all ten keys have room");
      await append(0);
      for (let n = 10; n < 15; n++) await append(n);
      const { events: all } = await readBack(broker, channel);
      const { events, truncatedAt } = await broker.state(channel);
      assert.ok(events.length <= 10, `${events.length} keys`);
      assert.ok(truncatedAt > 0, "six keys have gone, and nothing says so");
      const promised = newestByKey(all).filter(({ offset }) => offset > truncatedAt);
      assert.deepEqual(
        events.filter(({ offset }) => offset > truncatedAt).map(comparable),
        promised.map(comparable),
      );
      assert.ok(promised.length >= 5, "the limit removed the newest keys");
    },
  ),
];
