import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cursor, type Draft, HoldfastError } from "@holdfast/protocol";
import fc from "fast-check";
import { MemoryBroker, type MemoryLimits } from "./memory.ts";
import { NaiveBroker } from "./naive-broker.test.ts";
import type { Following, LogObserver, ReadLimits, Retention } from "./port.ts";

/** Where a cursor points: a little off the floor or the head, at a cursor that was told before, or into no log. */
type Spot =
  | { readonly near: "floor" | "head"; readonly moved: number }
  | { readonly seen: number }
  | "stranger";

type Operation =
  | { do: "append"; channel: string; drafts: Draft[]; ifMatch?: Spot }
  | {
      do: "read";
      channel: string;
      after: Spot | "oldest" | "latest";
      limits: ReadLimits;
    }
  | { do: "before"; channel: string; count: number }
  | { do: "state" | "range" | "close" | "follow" | "unfollow"; channel: string }
  | { do: "advance"; ms: number }
  | { do: "sweep" };

interface Follower {
  readonly channel: string;
  readonly following: Following;
  readonly heard: unknown[];
  readonly expected: unknown[];
}

/** The broker and its model, given the same operations. */
class Comparison {
  readonly model: NaiveBroker;
  readonly broker: MemoryBroker;
  readonly cursors: Cursor[] = [];
  followers: Follower[] = [];

  constructor(retention: Retention, limits: MemoryLimits) {
    this.model = new NaiveBroker(retention, limits);
    const clock = { now: () => this.model.now };
    this.broker = new MemoryBroker({ clock, epochSeed: "seed00", retention: () => retention, limits });
  }

  async step(operation: Operation): Promise<void> {
    const { broker, model } = this;
    switch (operation.do) {
      case "append": {
        const { channel, drafts } = operation;
        const ifMatch = operation.ifMatch === undefined ? undefined : this.cursor(operation.ifMatch, channel);
        const appending = broker.append(channel, drafts, ifMatch);
        await this.same(appending, () => model.append(channel, drafts, ifMatch));
        break;
      }
      case "read": {
        const { channel, after, limits } = operation;
        const from = after === "oldest" || after === "latest" ? after : this.cursor(after, channel);
        await this.same(broker.read(channel, from, limits), () => model.read(channel, from, limits));
        break;
      }
      case "before": {
        const { channel, count } = operation;
        await this.same(broker.before(channel, count), () => model.before(channel, count));
        break;
      }
      case "state":
      case "range":
      case "close": {
        const { do: call, channel } = operation;
        await this.same(broker[call](channel), () => model[call](channel));
        break;
      }
      case "follow":
        await this.follow(operation.channel);
        break;
      case "unfollow":
        this.unfollow(operation.channel);
        break;
      case "advance":
        model.now += operation.ms;
        break;
      case "sweep":
        broker.sweep();
        model.sweep();
        break;
    }
    for (const { heard, expected } of this.followers) assert.deepEqual(heard, expected);
    assert.deepEqual(broker.stats(), model.stats());
    assert.ok(broker.stats().bytes <= model.limits.bytesMax);
    assert.ok(broker.stats().channels <= model.limits.channelsMax);
  }

  cursor(spot: Spot, channel: string): Cursor {
    const log = this.model.logs.get(channel);
    if (spot === "stranger" || log === undefined) return { epoch: "stranger", offset: 1 };
    if ("near" in spot) return { epoch: log.epoch, offset: Math.max(0, log[spot.near] + spot.moved) };
    const { length } = this.cursors;
    return this.cursors[length - 1 - (spot.seen % Math.max(1, length))] ?? { epoch: log.epoch, offset: 0 };
  }

  /** Expects the broker to answer as the model does, or to refuse with the same code. */
  async same(call: Promise<unknown>, modelled: () => object): Promise<unknown> {
    const code = (error: unknown) => {
      if (!(error instanceof HoldfastError)) throw error;
      return { refused: error.code };
    };
    let wanted: unknown;
    try {
      wanted = modelled();
    } catch (error) {
      wanted = code(error);
    }
    // Observers have heard by now, before the publisher's promise is settled.
    for (const [name, notice] of this.model.notices.splice(0)) {
      for (const { channel, expected } of this.followers) if (channel === name) expected.push(notice);
    }
    for (const { heard, expected } of this.followers) assert.deepEqual(heard, expected);
    const got = await call.catch(code);
    assert.deepEqual(got, wanted);
    for (const { cursor } of (got as { results?: { cursor: Cursor }[] }).results ?? [])
      this.cursors.push(cursor);
    return got;
  }

  async follow(channel: string): Promise<void> {
    const heard: unknown[] = [];
    const observer: LogObserver = {
      appended: (batch) => heard.push(batch),
      closed: () => heard.push("closed"),
      disturbed: () => heard.push("disturbed"),
    };
    let following: Following | undefined;
    const range = this.broker.follow(channel, observer).then((begun) => {
      following = begun;
      return begun.range;
    });
    await this.same(range, () => this.model.follow(channel));
    if (following !== undefined) this.followers.push({ channel, following, heard, expected: [] });
  }

  unfollow(channel: string): void {
    const index = this.followers.findIndex((follower) => follower.channel === channel);
    const [follower] = index === -1 ? [] : this.followers.splice(index, 1);
    if (follower === undefined) return;
    follower.following.stop();
    follower.following.stop();
    this.model.unfollow(channel);
  }
}

const draft: fc.Arbitrary<Draft> = fc
  .record(
    {
      size: fc.nat(12),
      key: fc.constantFrom("k", "l", "m"),
      id: fc.constantFrom("1", "2", "3", "4"),
      from: fc.constantFrom("ada", "bob"),
    },
    { requiredKeys: ["size"] },
  )
  .map(({ size, ...labels }) => ({ payload: { encoding: "text", text: "x".repeat(size) }, ...labels }));

const near = fc.record({
  near: fc.constantFrom("floor" as const, "head" as const),
  moved: fc.integer({ min: -3, max: 2 }),
});
const spot: fc.Arbitrary<Spot> = fc.oneof(
  { weight: 4, arbitrary: near },
  { weight: 2, arbitrary: fc.record({ seen: fc.nat(1000) }) },
  { weight: 1, arbitrary: fc.constant("stranger" as const) },
);
const after = fc.oneof(spot, spot, fc.constantFrom("oldest" as const, "latest" as const));

const channel = fc.constantFrom("a", "b", "c", "d");
const drafts = fc.array(draft, { maxLength: 4 });
const pageLimits = fc.record({ eventsMax: fc.nat(5), bytesMax: fc.nat(30) });
const named = fc.constantFrom(
  ...(["state", "range", "follow", "follow", "unfollow", "unfollow", "close"] as const),
);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant("append" as const), channel, drafts }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("append" as const), channel, drafts, ifMatch: spot }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("read" as const), channel, after, limits: pageLimits }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("before" as const), channel, count: fc.nat(5) }) },
  { weight: 6, arbitrary: fc.record({ do: named, channel }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      ms: fc.constantFrom(-3, 1, 10, 500, 1000, 5000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("sweep" as const) }) },
);

const orEndless = (bound: fc.Arbitrary<number>) => fc.oneof(bound, fc.constant(Number.POSITIVE_INFINITY));

const retention: fc.Arbitrary<Retention> = fc.record({
  eventsMax: orEndless(fc.nat(6)),
  bytesMax: orEndless(fc.nat(40)),
  ageMsMax: orEndless(fc.constantFrom(0, 5, 700)),
  stateKeysMax: orEndless(fc.nat(3)),
  idsMax: orEndless(fc.nat(4)),
  idAgeMsMax: orEndless(fc.constantFrom(0, 5, 700)),
});

const limits: fc.Arbitrary<MemoryLimits> = fc.record({
  channelsMax: orEndless(fc.integer({ min: 1, max: 4 })),
  bytesMax: orEndless(fc.integer({ min: 650, max: 3000 })),
});

test("[ORD] [GAP] [ACK] [BND] the memory broker does what its model does, whatever is asked of it", async () => {
  await fc.assert(
    fc.asyncProperty(
      retention,
      limits,
      fc.array(operation, { maxLength: 100, size: "max" }),
      async (kept, most, operations) => {
        const comparison = new Comparison(kept, most);
        for (const one of operations) await comparison.step(one);
      },
    ),
    { numRuns: 500 },
  );
});
