import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed } from "./feed.ts";
import { Reader, type SubscribeOptions } from "./reader.ts";

const event = (offset: number) => ({ channel: "a", cursor: `k-${offset}`, at: 0, data: offset });
const cursor = (offset: number) => ({ after: { epoch: "k", offset } });
const latest = { after: "latest" } as const;

function rig(options: SubscribeOptions = {}) {
  const calls: unknown[][] = [];
  const recorder = new Proxy(
    {},
    {
      get:
        (_, name) =>
        (...given: unknown[]) =>
          calls.push([name, ...given.slice(0, -1)]),
    },
  );
  const host = { consumed: () => {}, left: () => {}, joined: () => {} };
  const reader = (own: SubscribeOptions = {}) => new Reader("a", own, host);
  const first = reader(options);
  const feed = new Feed(first, first.start, { bufferedMax: 8, tell: (input) => input(recorder as never, 0) });
  return { feed, calls, first, reader };
}

test("before its position is known it suits those who asked for the same", () => {
  const { feed } = rig({ last: 3 });
  assert.ok(feed.suits({ last: 3 }));
  for (const other of [{ last: 2 }, latest, cursor(0), { after: "oldest" as const }])
    assert.ok(!feed.suits(other));
  assert.ok(rig({ after: "k-7" }).feed.suits(cursor(7)));
});

test("what is history to some is not yet the latest to others", () => {
  const { feed } = rig({ after: "oldest" });
  feed.subscribed("k-0", "k-4");
  assert.ok(!feed.suits(latest));
  feed.events([event(1), event(2)], "k-3");
  assert.ok(!feed.suits(latest));
  assert.ok(feed.suits(cursor(3)));
  feed.events([event(4)], "k-4");
  assert.ok(feed.suits(latest));
  assert.ok(!feed.suits(cursor(3)));
  assert.ok(!feed.suits({ last: 1 }));
});

test("a gap into another epoch ends what was history", () => {
  const { feed } = rig({ after: "oldest" });
  feed.subscribed("k-0", "k-4");
  feed.gap({ channel: "a", from: "k-0", to: "m-0", reason: "epoch" });
  assert.ok(feed.suits(latest));
});

test("[BND-1] one that all its readers let lie suits nobody, until they have taken of it", async () => {
  const { feed, first, calls } = rig();
  feed.subscribed("k-0", "k-0");
  for (let i = 1; i <= 8; i++) feed.events([event(i)], `k-${i}`);
  assert.ok(feed.isFull && !feed.suits(latest));
  const iterator = first[Symbol.asyncIterator]();
  for (let i = 1; i <= 8; i++) {
    await iterator.next();
    feed.settle();
  }
  assert.ok(feed.suits(latest));
  const consumed = calls.filter(([name]) => name === "consumed");
  assert.deepEqual(
    consumed,
    Array.from({ length: 4 }, () => ["consumed", "a", 2]),
  );
});

test("it asks for what its readers want together, and says so when that changes", () => {
  const { feed, calls, reader } = rig();
  const signalled = reader({ onSignal: () => {} });
  feed.add(signalled);
  feed.add(reader({ onPresence: () => {}, join: { name: "ada" } }));
  feed.add(reader({ onSignal: () => {} }));
  feed.remove(signalled);
  assert.deepEqual(calls, [
    ["subscribe", "a", { start: latest, signals: false, presence: false }],
    ["change", "a", { signals: true, presence: false }],
    ["change", "a", { signals: true, presence: true }],
    ["join", "a", { name: "ada" }],
  ]);
});
