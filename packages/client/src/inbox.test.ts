import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChannelEvent, Gap } from "@holdfast/core/client";
import { GapError, Inbox } from "./inbox.ts";
import type { SubscribeOptions } from "./reader.ts";

const event = (offset: number): ChannelEvent<number> => ({
  channel: "a",
  cursor: `k-${offset}`,
  at: 0,
  data: offset,
});
const gap: Gap = { channel: "a", from: "k-2", to: "k-9", reason: "expired" };

function rig(options: SubscribeOptions<number> = {}) {
  const told: string[] = [];
  const inbox = new Inbox<number>(options, {
    consumed: () => told.push("consumed"),
    over: () => told.push("over"),
  });
  return { inbox, told, next: async () => (await inbox.next()).value?.data };
}

/** What is reported as uncaught while something is done. */
async function uncaughtBy(action: () => void): Promise<unknown> {
  const reported = Promise.withResolvers<unknown>();
  const reportError = (error: unknown) => reported.resolve(error);
  Object.assign(globalThis, { reportError });
  try {
    action();
    return await reported.promise;
  } finally {
    Reflect.deleteProperty(globalThis, "reportError");
  }
}

test("the position is that of what was handed over, and of the batch once all of it was", async () => {
  const { inbox, next } = rig();
  inbox.startAt("k-0");
  assert.equal(inbox.position, "k-0");
  inbox.add([event(1), event(2)], "k-7");
  assert.equal(inbox.position, "k-0");
  await next();
  assert.equal(inbox.position, "k-1");
  await next();
  assert.equal(inbox.position, "k-7");
});

test("who asks before there is anything is answered when there is, in the order of asking", async () => {
  const { inbox, next } = rig();
  const asked = [next(), next(), next()];
  inbox.add([event(1), event(2)], "k-2");
  inbox.add([event(3)], "k-3");
  assert.deepEqual(await Promise.all(asked), [1, 2, 3]);
});

test("what is taken counts as consumed, one by one", async () => {
  const { inbox, told, next } = rig();
  inbox.add([event(1), event(2), event(3)], "k-3");
  assert.equal(inbox.buffered, 3);
  await next();
  await next();
  assert.equal(inbox.buffered, 1);
  assert.deepEqual(told, ["consumed", "consumed"]);
});

test("many events are handed over in order, and nothing is kept of them", async () => {
  const { inbox, next } = rig();
  for (let i = 0; i < 5_000; i += 2) {
    inbox.add([event(i), event(i + 1)], `k-${i + 1}`);
    if (i >= 100) assert.equal(await next(), i - 100 - (i - 100) / 2);
  }
});

test("[GAP] a gap is thrown after what came before it, once, and then it is over", async () => {
  const { inbox, told, next } = rig();
  inbox.add([event(1)], "k-2");
  inbox.put({ type: "gap", gap });
  inbox.add([event(10)], "k-10");
  assert.equal(await next(), 1);
  await assert.rejects(next(), new GapError(gap));
  assert.equal(await next(), undefined);
  assert.deepEqual(told, ["consumed", "over"]);
});

test("[GAP] with `onGap` the position moves with it, and the next event follows", async () => {
  const gaps: Gap[] = [];
  const { inbox, next } = rig({ onGap: (one) => gaps.push(one) });
  inbox.put({ type: "gap", gap });
  inbox.add([event(10)], "k-10");
  assert.deepEqual(gaps, []);
  assert.equal(await next(), 10);
  assert.deepEqual(gaps, [gap]);
});

test("[GAP] to a callback without anybody to tell, a gap is an uncaught error", async () => {
  const { inbox } = rig({ onEvent: () => {} });
  assert.deepEqual(await uncaughtBy(() => inbox.put({ type: "gap", gap })), new GapError(gap));
});

test("what a callback throws is reported, and the next event comes all the same", async () => {
  const seen: number[] = [];
  const failure = new Error("a mistake of the application");
  const onEvent = ({ data }: ChannelEvent<number>) => {
    seen.push(data);
    if (data === 1) throw failure;
    if (data === 2) return Promise.reject(failure);
    return undefined;
  };
  const { inbox } = rig({ onEvent });
  assert.equal(await uncaughtBy(() => inbox.add([event(1)], "k-1")), failure);
  assert.equal(await uncaughtBy(() => inbox.add([event(2)], "k-2")), failure);
  inbox.add([event(3)], "k-3");
  assert.deepEqual(seen, [1, 2, 3]);
});

test("with `onError` an iteration ends without throwing", async () => {
  const errors: Error[] = [];
  const { inbox, next } = rig({ onError: (error) => errors.push(error) });
  const asked = next();
  inbox.put({ type: "error", error: new Error("forbidden") });
  assert.equal(await asked, undefined);
  assert.deepEqual(errors, [new Error("forbidden")]);
});

test("dropped, it answers everybody, and takes nothing more", async () => {
  const { inbox, told, next } = rig();
  const asked = [next(), next()];
  inbox.drop();
  inbox.drop(new Error("late"));
  inbox.add([event(1)], "k-1");
  inbox.put({ type: "gap", gap });
  assert.deepEqual(await Promise.all(asked), [undefined, undefined]);
  assert.equal(await next(), undefined);
  assert.equal(inbox.buffered, 0);
  assert.deepEqual(told, ["over"]);
});
