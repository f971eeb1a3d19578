import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import type { Batch } from "./batch.ts";
import { ScriptedBroker } from "./scripted-broker.test-support.ts";
import { SharedReads } from "./shared-reads.ts";
import { numbers } from "./world.test-support.ts";

const pageLimits = { eventsMax: 3, bytesMax: 100 };
const k = (offset: number) => ({ epoch: "k", offset });

function readsOf(
  broker: ScriptedBroker,
  turn = () => Promise.resolve(),
): { reads: SharedReads; kept: (readonly Batch[])[] } {
  const kept: (readonly Batch[])[] = [];
  const keep = (batches: readonly Batch[]) => kept.push(batches);
  return { reads: new SharedReads("a", { broker, mode: "every", pageLimits, keep, turn }), kept };
}

test("[BND-1] readers at one place share one read and its batches, which are kept once and first", async () => {
  const broker = new ScriptedBroker();
  broker.log("a").append(...numbers(9));
  const { reads, kept } = readsOf(broker);
  const answers = [1, 2, 3].map(async () => {
    const answer = await reads.after(k(2));
    assert.equal(kept.length, 1);
    return answer;
  });
  const [first, ...others] = await Promise.all(answers);
  for (const other of others) assert.equal(other, first);
  assert.deepEqual([first?.from, first?.to, first?.gap, broker.count("read")], [2, 5, undefined, 1]);
  await reads.after(k(2));
  assert.equal(broker.count("read"), 2, "what was read is not kept here");
});

test("[BND-1] a read that failed fails for all who share it, and the next is a new one", async () => {
  const broker = new ScriptedBroker();
  const { reads, kept } = readsOf(broker);
  const held = broker.hold("read");
  const answers = [reads.after(k(0)), reads.after(k(0))];
  held.fail(new HoldfastError("broker_unavailable"));
  for (const answer of answers) await assert.rejects(answer, { code: "broker_unavailable" });
  broker.unhold("read");
  assert.deepEqual((await reads.after(k(0))).batches, []);
  assert.deepEqual(kept, [[]]);
});

test("[GAP-2] [GAP-3] an answer says where it begins, and why there", async () => {
  const broker = new ScriptedBroker();
  broker.log("a").append(...numbers(9));
  broker.log("a").trim(7);
  const { reads } = readsOf(broker);
  const brief = async (epoch: string, offset: number) => {
    const { from, to, gap } = await reads.after({ epoch, offset });
    return [from, to, gap];
  };
  assert.deepEqual(await brief("k", 7), [7, 9, undefined]);
  assert.deepEqual(await brief("k", 9), [9, 9, undefined]);
  assert.deepEqual(await brief("k", 3), [7, 9, "expired"]);
  assert.deepEqual(await brief("k", 10), [7, 9, "epoch"]);
  assert.deepEqual(await brief("old", 8), [7, 9, "epoch"]);
});

test("[READ-3] [BND-1] few pages are read at once, and who is furthest behind comes first: those ahead are joined on the way", async () => {
  const broker = new ScriptedBroker();
  broker.log("a").append(...numbers(30));
  const held = broker.hold("read");
  const { reads } = readsOf(broker);
  const order: number[] = [];
  const ask = (offset: number) => reads.after(k(offset)).then(() => void order.push(offset));
  const asked = [21, 18, 15, 12, 24, 3, 9, 6, 24, 6].map(ask);
  await settled();
  assert.equal(broker.count("read"), 4);
  for (let served = 0; served < 8; served++) {
    held.release(1);
    await settled();
  }
  await Promise.all(asked);
  assert.deepEqual(order, [21, 18, 15, 12, 3, 6, 6, 9, 24, 24]);
  assert.equal(broker.count("read"), 8);
});

test("[CALM] between two pages everybody else has a turn", async () => {
  const broker = new ScriptedBroker();
  broker.log("a").append(...numbers(30));
  let turns = 0;
  const { reads } = readsOf(broker, async () => {
    turns++;
  });
  await Promise.all([0, 3, 6, 9, 12, 15, 18, 21].map((offset) => reads.after(k(offset))));
  assert.equal(turns, 7);
});

async function settled(): Promise<void> {
  for (let n = 0; n < 20; n++) await Promise.resolve();
}
