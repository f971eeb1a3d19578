import assert from "node:assert/strict";
import type { Broker } from "@holdfast/core/broker";
import { HoldfastError } from "@holdfast/protocol";
import { cursorsOf, headOf, numbered, numberedBatch, numbers, readBack, refused, rule } from "./subject.ts";

export const ending = [
  rule("[PUB-2] a closed channel refuses on every node, and appends nothing", {}, async (subject) => {
    const { broker, peer } = subject;
    const channel = subject.channel();
    await broker.append(channel, [numbered(0)]);
    await broker.close(channel);
    for (const node of [broker, peer]) {
      await refused(node.append(channel, numberedBatch(1, 2)), "channel_closed");
      await refused(node.append(channel, [numbered(1, { id: "new" })]), "channel_closed");
    }
    assert.deepEqual(numbers((await readBack(peer, channel)).events), [0]);
  }),

  rule("[PUB-2] closing twice is no error, nor closing what nobody published to", {}, async (subject) => {
    const { broker, peer } = subject;
    const [written, unwritten] = [subject.channel(), subject.channel()];
    await broker.append(written, [numbered(0)]);
    for (const channel of [written, unwritten]) {
      const open = await broker.range(channel);
      const range = await broker.close(channel);
      assert.deepEqual(range, { ...open, closed: true });
      assert.deepEqual(await peer.close(channel), range);
      assert.deepEqual(await broker.range(channel), range);
    }
    await refused(broker.append(unwritten, [numbered(0)]), "channel_closed");
  }),

  rule("[ACK-2] a retry is answered as the first time on a closed channel too", {}, async (subject) => {
    const { broker } = subject;
    const channel = subject.channel();
    const batch = [numbered(0, { id: "a" }), numbered(1, { id: "b" })];
    const { results } = await broker.append(channel, batch);
    await broker.close(channel);
    const again = await broker.append(channel, batch);
    assert.deepEqual(
      again.results,
      results.map((result) => ({ ...result, duplicate: true })),
    );
    await refused(broker.append(channel, [...batch, numbered(2, { id: "c" })]), "channel_closed");
  }),

  rule(
    "[END-1] a closed log is still read to its end, and says that nothing follows",
    {},
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const cursors = cursorsOf(await broker.append(channel, numberedBatch(0, 5)));
      await broker.close(channel);
      const { events, range } = await readBack(peer, channel, "oldest", { eventsMax: 2, bytesMax: 1000 });
      assert.deepEqual(numbers(events), [0, 1, 2, 3, 4]);
      assert.deepEqual(headOf(range), cursors.at(-1));
      assert.equal(range.closed, true);
      const late = await subject.listen(broker, channel);
      assert.deepEqual(late.start, range);
      late.stop();
    },
  ),

  rule(
    "[END-1] who follows is told of the end once everything was heard, and not before",
    {},
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const listeners = [await subject.listen(broker, channel), await subject.listen(peer, channel)];
      const appends = numberedBatch(0, 50).map((draft) => broker.append(channel, [draft]));
      assert.ok(listeners.every((listener) => !listener.ended));
      await Promise.all(appends);
      await broker.close(channel);
      for (const listener of listeners) {
        await listener.untilEnded();
        assert.deepEqual(numbers(listener.heard), Array.from(appends.keys()));
        listener.stop();
      }
    },
  ),

  rule("[END-1] what races with the end is either before it or refused", {}, async (subject) => {
    const { broker, peer } = subject;
    const channel = subject.channel();
    const listener = await subject.listen(broker, channel);
    const publish = async (node: Broker, n: number) => {
      try {
        await node.append(channel, [numbered(n)]);
        return [n];
      } catch (error) {
        assert.ok(error instanceof HoldfastError && error.code === "channel_closed", String(error));
        return [];
      }
    };
    const before = Array.from({ length: 10 }, (_, n) => publish(n % 2 === 0 ? broker : peer, n));
    const closing = broker.close(channel);
    const after = Array.from({ length: 10 }, (_, n) => publish(n % 2 === 0 ? broker : peer, n + 10));
    const taken = (await Promise.all([...before, ...after])).flat();
    await closing;
    await listener.untilEnded();
    const { events, range } = await readBack(broker, channel);
    assert.equal(range.closed, true);
    const ascending = (a: number, b: number) => a - b;
    assert.deepEqual(numbers(events).toSorted(ascending), taken.toSorted(ascending));
    assert.deepEqual(numbers(listener.heard), numbers(events));
    listener.stop();
  }),

  rule("[ACK] a broker does what it declares, and refuses what it does not", {}, async (subject) => {
    const { broker } = subject;
    const channel = subject.channel();
    const head = headOf(await broker.range(channel));
    const append = broker.append(channel, [numbered(0)], head);
    if (broker.capabilities.conditionalAppend) await append;
    else await refused(append, "unsupported");
    const written = broker.capabilities.conditionalAppend ? [0] : [];
    assert.deepEqual(numbers((await readBack(broker, channel)).events), written);
    const state = broker.state(channel);
    if (broker.capabilities.state) assert.deepEqual(numbers((await state).events), written);
    else await refused(state, "unsupported");
  }),

  rule(
    "[SEE] a broker that works says so, and one that was stopped refuses everything",
    {},
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      await broker.probe();
      const listener = await subject.listen(broker, channel);
      const { cursor } = (await broker.append(channel, [numbered(0)])).results[0] ?? assert.fail();
      await listener.untilHead(cursor.offset);
      await broker.probe();
      await broker.stop();
      await broker.stop();
      listener.stop();
      for (const call of [
        () => broker.probe(),
        () => broker.append(channel, [numbered(1)]),
        () => broker.read(channel, cursor, { eventsMax: 1, bytesMax: 1 }),
        () => broker.before(channel, 1),
        () => broker.range(channel),
        () => broker.close(channel),
        () => broker.follow(channel, listener),
        ...(broker.capabilities.state ? [() => broker.state(channel)] : []),
      ]) {
        await refused(call(), "broker_unavailable");
      }
    },
  ),
];
