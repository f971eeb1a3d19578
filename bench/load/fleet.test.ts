import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PayloadMaker } from "../payload.ts";
import type { Peer, Served } from "../peer.ts";
import { holdfast } from "../peers/holdfast.ts";
import { holdfastSession } from "../peers/holdfast-session.ts";
import { socketIoRecovery } from "../peers/socket-io-recovery.ts";
import { ws } from "../peers/ws.ts";
import { Fleet } from "./fleet.ts";
import { Ledger } from "./ledger.ts";
import { Standing } from "./standing.ts";

const payloadBytes = 128;
const maker = new PayloadMaker(payloadBytes);
const clients = 5;

async function openFleet(t: TestContext, { dialect, serve }: Peer) {
  const served = await serve({ channels: 1, readers: clients });
  t.after(() => served.close());
  const fleet = new Fleet(dialect, { port: served.port, channels: ["one"], payloadBytes });
  t.after(() => fleet.leave());
  await fleet.connect(clients);
  return { served, fleet };
}

async function publish(served: Served, ...sequences: readonly number[]): Promise<void> {
  for (const sequence of sequences) await served.publish("one", maker.make(sequence, 1));
}

async function arrived(fleet: Fleet, sequence: number): Promise<void> {
  await fleet.awaitEvent({ sequence, timeoutMs: 5000 });
}

for (const peer of [holdfast, holdfastSession, socketIoRecovery]) {
  test(`clients of ${peer.name} that were cut come back to what they missed`, async (t) => {
    const { served, fleet } = await openFleet(t, peer);
    await publish(served, 1);
    await arrived(fleet, 1);
    fleet.begin();
    for (const first of [2, 4]) {
      fleet.cutAll();
      // The server hears of the cuts in a turn of this loop, before its answer to anything newer.
      await new Promise((resolve) => setImmediate(resolve));
      await publish(served, first, first + 1);
      await fleet.connect(clients);
      await arrived(fleet, first + 1);
    }
    const { events, repeated, refused, opened } = fleet.haul();
    assert.deepEqual(
      { events, repeated, refused, opened },
      { events: 20, repeated: 0, refused: 0, opened: 10 },
    );
  });
}

test("clients that cannot resume have lost what came while they were away", async (t) => {
  const { served, fleet } = await openFleet(t, ws);
  await publish(served, 1);
  await arrived(fleet, 1);
  fleet.cutAll();
  await publish(served, 2);
  await fleet.connect(clients);
  await publish(served, 3);
  await arrived(fleet, 3);
  assert.equal(fleet.haul().events, 2 * clients);
});

test("a ledger counts each number once, whatever the order", () => {
  const ledger = new Ledger();
  const news = [1, 3, 2, 3, 100_000, 1].map((sequence) => ledger.note(sequence));
  assert.deepEqual(news, [true, true, true, false, true, false]);
  const { count, repeated, last } = ledger;
  assert.deepEqual({ count, repeated, last }, { count: 4, repeated: 2, last: 100_000 });
});

test("where a client stands is known from messages, also in pieces, and not from those that were cut off", () => {
  const standing = new Standing(holdfast.dialect.resuming);
  const hear = (text: string, isLast = true) => standing.hear(Buffer.from(text), 0, text.length, isLast);
  hear('{"control":"subscribed","channel":"one","cursor":"k-1","head":"k-1"}');
  assert.equal(standing.position, "k-1");
  hear('{"cursor":"k', false);
  hear('-2","at":1,"data":"~"}');
  assert.equal(standing.position, "k-2");
  hear('{"control":"gap","channel":"one","from":"k-2","to":"k-9","reason":"expired"}');
  assert.equal(standing.position, "k-9");
  hear('{"cursor":"k-10', false);
  standing.forgetPart();
  hear("{}");
  assert.equal(standing.position, "k-9");
});

test("a client of Socket.IO stands at its session and the last offset, and at none of a session that is gone", () => {
  const { resuming, answer } = socketIoRecovery.dialect;
  const after = (text: string, position?: string) => resuming?.after(Buffer.from(text), position);
  assert.equal(after('40{"sid":"a","pid":"p"}'), "p");
  assert.equal(after('42["event","~1","o1"]', "p"), "p o1");
  assert.equal(after('40{"sid":"b","pid":"p"}', "p o1"), "p o1");
  assert.equal(after('40{"sid":"c","pid":"q"}', "p o1"), "q");
  assert.equal(answer?.('0{"sid":"e"}', "p o1"), '40{"pid":"p","offset":"o1"}');
  assert.equal(answer?.('0{"sid":"e"}'), "40");
});
