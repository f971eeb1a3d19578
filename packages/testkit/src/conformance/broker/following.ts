import assert from "node:assert/strict";
import type { LogObserver } from "@holdfast/core/broker";
import {
  comparable,
  cursorsOf,
  headOf,
  numbered,
  numberedBatch,
  numbers,
  readBack,
  rule,
} from "./subject.ts";

export const following = [
  rule(
    "[ORD-1] whoever follows, on whatever node, hears what is read, in that order",
    {},
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const listeners = [
        await subject.listen(broker, channel),
        await subject.listen(broker, channel),
        await subject.listen(peer, channel),
      ];
      await Promise.all(
        Array.from({ length: 60 }, (_, n) => {
          const node = n % 2 === 0 ? broker : peer;
          return node.append(channel, n % 5 === 0 ? numberedBatch(n * 10, 7) : [numbered(n * 10)]);
        }),
      );
      const { events, range } = await readBack(broker, channel);
      assert.equal(events.length, 12 * 7 + 48);
      for (const listener of listeners) {
        await listener.untilHead(range.head);
        assert.deepEqual(listener.heard.map(comparable), events.map(comparable));
        assert.ok(listener.notices > 0);
        listener.stop();
      }
    },
  ),

  rule(
    "[ORD-1] what is appended after following began is heard, what is before it is read: nothing is neither",
    {},
    async (subject) => {
      const { broker, peer } = subject;
      const channel = subject.channel();
      const append = (from: number) => numberedBatch(from, 20).map((draft) => peer.append(channel, [draft]));
      const before = append(0);
      const opening = subject.listen(broker, channel);
      const meanwhile = append(20);
      const listener = await opening;
      await Promise.all([...before, ...meanwhile]);
      const { events, range } = await readBack(broker, channel);
      await listener.untilHead(range.head);
      const read = events.filter(({ offset }) => offset <= listener.start.head);
      assert.deepEqual([...read, ...listener.heard].map(comparable), events.map(comparable));
      assert.equal(events.length, 40);
      listener.stop();
    },
  ),

  rule(
    "[READ-1] following a channel that nobody published to begins at its position",
    {},
    async (subject) => {
      const channel = subject.channel();
      const listener = await subject.listen(subject.broker, channel);
      const { epoch, floor, head, closed } = listener.start;
      assert.deepEqual(await subject.broker.range(channel), { epoch, floor, head, closed });
      const [cursor] = cursorsOf(await subject.peer.append(channel, [numbered(0)]));
      assert.equal(cursor?.epoch, epoch, "following goes on into the first event");
      await listener.untilHead(cursor?.offset ?? 0);
      assert.deepEqual(numbers(listener.heard), [0]);
      listener.stop();
    },
  ),

  rule("[ORD-1] a follower hears of its own channel alone", {}, async (subject) => {
    const channels = [subject.channel(), subject.channel()] as const;
    const first = await subject.listen(subject.broker, channels[0]);
    const second = await subject.listen(subject.broker, channels[1]);
    for (let n = 0; n < 20; n++) await subject.broker.append(channels[n % 2] ?? channels[0], [numbered(n)]);
    await first.untilHead((await subject.broker.range(channels[0])).head);
    await second.untilHead((await subject.broker.range(channels[1])).head);
    assert.ok(numbers(first.heard).every((n) => n % 2 === 0));
    assert.ok(numbers(second.heard).every((n) => n % 2 === 1));
    assert.deepEqual([first.heard.length, second.heard.length], [10, 10]);
    first.stop();
    second.stop();
  }),

  rule("[ORD-1] an observer that throws harms neither the publisher nor the others", {}, async (subject) => {
    const { broker } = subject;
    const channel = subject.channel();
    const fail = () => {
      throw new Error("This observer is broken.");
    };
    const broken: LogObserver = { appended: fail, closed: fail, disturbed: fail };
    const first = await broker.follow(channel, broken);
    const listener = await subject.listen(broker, channel);
    const second = await broker.follow(channel, broken);
    for (let n = 0; n < 5; n++) await broker.append(channel, [numbered(n)]);
    await broker.close(channel);
    await listener.untilEnded();
    assert.deepEqual(numbers(listener.heard), [0, 1, 2, 3, 4]);
    first.stop();
    second.stop();
    listener.stop();
  }),

  rule(
    "[ORD-1] what an observer publishes as it hears comes after what it hears, for everyone",
    {},
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const first = await subject.listen(broker, channel);
      const answering = await subject.listen(broker, channel);
      const last = await subject.listen(broker, channel);
      const answers: Promise<unknown>[] = [];
      answering.onBatch = () => {
        if (answers.length < 10) answers.push(broker.append(channel, [numbered(answers.length + 1)]));
      };
      await broker.append(channel, [numbered(0)]);
      const whole = Array.from({ length: 11 }, (_, n) => n);
      for (const listener of [answering, first, last]) {
        await listener.until("ten answers are heard", () => listener.heard.length >= 11);
        assert.deepEqual(
          numbers(listener.heard).toSorted((a, b) => a - b),
          whole,
        );
      }
      await Promise.all(answers);
      const read = (await readBack(broker, channel)).events.map(comparable);
      for (const listener of [first, answering, last]) {
        assert.deepEqual(listener.heard.map(comparable), read);
        listener.stop();
      }
    },
  ),

  rule(
    "[BND] who has stopped hears nothing more, also when it stopped while it heard",
    {},
    async (subject) => {
      const { broker } = subject;
      const channel = subject.channel();
      const early = await subject.listen(broker, channel);
      const within = await subject.listen(broker, channel);
      const other = await subject.listen(broker, channel);
      within.onBatch = () => {
        within.stop();
        within.stop();
        early.stop();
      };
      const [first] = cursorsOf(await broker.append(channel, [numbered(0)]));
      await other.untilHead(first?.offset ?? 0);
      await within.until("it has stopped itself", () => within.notices > 0);
      const noticed = [early.notices, within.notices];
      for (let n = 1; n < 6; n++) await broker.append(channel, [numbered(n)]);
      await other.untilHead((await broker.range(channel)).head);
      assert.deepEqual(numbers(other.heard), [0, 1, 2, 3, 4, 5]);
      assert.deepEqual([early.notices, within.notices], noticed);
      other.stop();
    },
  ),

  rule("[ACK-2] a retry is not told to those who follow", {}, async (subject) => {
    const { broker, peer } = subject;
    const channel = subject.channel();
    const listener = await subject.listen(peer, channel);
    const draft = numbered(0, { id: "a" });
    await broker.append(channel, [draft]);
    await broker.append(channel, [draft]);
    await broker.append(channel, [draft, numbered(1), draft]);
    await listener.untilHead(headOf(await broker.range(channel)).offset);
    assert.deepEqual(numbers(listener.heard), [0, 1]);
    listener.stop();
  }),
];
