import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cursor, type Draft, HoldfastError, type LogEvent, payloadBytes } from "@holdfast/protocol";
import fc from "fast-check";
import { eventBytes, idBytes } from "./holdings.ts";
import { MemoryBroker, type MemoryLimits } from "./memory.ts";
import type { Following, LogObserver, Retention } from "./port.ts";

/** A log as arrays that are searched and copied: slow, and plain enough to be believed. */
interface Log {
  readonly epoch: string;
  readonly origin: number;
  retained: LogEvent[];
  state: LogEvent[];
  ids: { readonly name: string; readonly offset: number; readonly at: number }[];
  floor: number;
  head: number;
  closed: boolean;
  truncatedAt: number;
  limitedAt: number;
  followers: number;
  appendedAt: number;
}

const sizeOf = ({ payload }: Draft) => payloadBytes(payload);
const costOf = (draft: Draft) => eventBytes(draft, sizeOf(draft));
const nameOf = ({ from, id }: Draft) => (from === undefined ? `${id}` : `${from}\0${id}`);
const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0);

class Model {
  readonly logs = new Map<string, Log>();
  readonly retention: Retention;
  readonly limits: MemoryLimits;
  now = 0;
  created = 0;
  origin = 0;
  sweptAt = Number.NEGATIVE_INFINITY;
  appends = 0;
  /** What those who follow are told, by channel. */
  readonly notices: [channel: string, notice: unknown][] = [];
  /** Vacant channels, least recently used first. */
  vacant: string[] = [];

  constructor(retention: Retention, limits: MemoryLimits) {
    this.retention = retention;
    this.limits = limits;
  }

  open(name: string): Log {
    const log = this.logs.get(name) ?? this.create(name);
    this.expire(log);
    this.use(name);
    return log;
  }

  create(name: string): Log {
    if (this.logs.size >= this.limits.channelsMax) this.evict();
    const { origin } = this;
    const log: Log = {
      epoch: `seed00${(this.created++).toString(36)}`,
      origin,
      retained: [],
      state: [],
      ids: [],
      floor: origin,
      head: origin,
      closed: false,
      truncatedAt: origin,
      limitedAt: 0,
      followers: 0,
      appendedAt: 0,
    };
    this.logs.set(name, log);
    return log;
  }

  evict(): void {
    if (this.vacant.length === 0) this.sweepAtLimit();
    const name = this.vacant[0];
    if (name === undefined) throw new HoldfastError("overloaded");
    const { head, origin, closed } = this.logs.get(name)!;
    if (head > origin || closed) this.origin = 1;
    this.logs.delete(name);
    this.vacant = this.vacant.filter((other) => other !== name);
  }

  isVacant(log: Log): boolean {
    return log.retained.length + log.ids.length + log.followers === 0;
  }

  use(name: string): void {
    this.vacant = this.vacant.filter((other) => other !== name);
    if (this.isVacant(this.logs.get(name)!)) this.vacant.push(name);
  }

  noteVacancy(name: string): void {
    if (!this.vacant.includes(name)) this.use(name);
  }

  expire(log: Log): void {
    const { ageMsMax, idAgeMsMax } = this.retention;
    while (log.retained.length > 0 && this.now - log.retained[0]!.at >= ageMsMax) this.trim(log);
    while (log.ids.length > 0 && this.now - log.ids[0]!.at >= idAgeMsMax) log.ids.shift();
  }

  trim(log: Log): void {
    log.floor = log.retained.shift()!.offset;
  }

  sweep(): void {
    this.sweptAt = this.now;
    for (const [name, log] of this.logs) {
      this.expire(log);
      this.noteVacancy(name);
    }
  }

  sweepAtLimit(): void {
    if (this.now - this.sweptAt >= 1000) this.sweep();
  }

  idBytes(): number {
    return sum([...this.logs.values()].flatMap(({ ids }) => ids.map(({ name }) => idBytes(name))));
  }

  bytes(): number {
    const held = [...this.logs.values()].flatMap(({ retained, state }) => [
      ...new Set([...retained, ...state]),
    ]);
    return sum(held.map(costOf)) + this.idBytes();
  }

  append(name: string, drafts: readonly Draft[], ifMatch?: Cursor): { results: object[] } {
    const log = this.open(name);
    const known = (draft: Draft) =>
      draft.id === undefined ? undefined : log.ids.find((one) => one.name === nameOf(draft));
    const fresh = drafts.filter((draft) => known(draft) === undefined);
    const from = log.head;
    const events: LogEvent[] = [];
    if (fresh.length > 0) this.admit(log, fresh, ifMatch);
    const results = drafts.map((draft) => {
      const first = known(draft);
      if (first !== undefined) return this.result(log, first, true);
      log.head++;
      const event = { ...draft, offset: log.head, at: this.now };
      log.retained.push(event);
      events.push(event);
      if (draft.id !== undefined) log.ids.push({ name: nameOf(draft), offset: log.head, at: this.now });
      log.state = [...log.state.filter(({ key }) => key !== draft.key), event];
      log.appendedAt = ++this.appends;
      return this.result(log, event, false);
    });
    this.retain(log);
    this.reclaim();
    this.use(name);
    if (events.length > 0) this.notices.push([name, { epoch: log.epoch, from, to: log.head, events }]);
    return { results };
  }

  result({ epoch }: Log, { offset, at }: { offset: number; at: number }, duplicate: boolean): object {
    return { cursor: { epoch, offset }, at, duplicate };
  }

  admit(log: Log, fresh: Draft[], ifMatch?: Cursor): void {
    if (log.closed) throw new HoldfastError("channel_closed");
    if (ifMatch !== undefined && (ifMatch.offset !== log.head || ifMatch.epoch !== log.epoch)) {
      throw new HoldfastError("precondition_failed");
    }
    const ids = fresh.filter(({ id }) => id !== undefined).map((draft) => idBytes(nameOf(draft)));
    const needed = sum([...fresh.map(costOf), ...ids]);
    if (needed > this.limits.bytesMax) throw new HoldfastError("too_large");
    if (this.idBytes() + needed > this.limits.bytesMax) this.sweepAtLimit();
    if (this.idBytes() + needed > this.limits.bytesMax) throw new HoldfastError("overloaded");
  }

  retain(log: Log): void {
    const { eventsMax, bytesMax, stateKeysMax, idsMax } = this.retention;
    while (log.retained.length > eventsMax || sum(log.retained.map(sizeOf)) > bytesMax) this.trim(log);
    while (log.state.length > stateKeysMax) log.truncatedAt = log.state.shift()!.offset;
    while (log.ids.length > idsMax) log.ids.shift();
  }

  reclaim(): void {
    while (this.bytes() > this.limits.bytesMax) {
      const holding = [...this.logs].filter(([, { retained, state }]) => retained.length + state.length > 0);
      const [name, log] = holding.sort(([, a], [, b]) => a.appendedAt - b.appendedAt)[0]!;
      const oldest = Math.min(...[...log.retained, ...log.state].map(({ offset }) => offset));
      if (log.state[0]?.offset === oldest) log.truncatedAt = log.state.shift()!.offset;
      if (log.retained[0]?.offset === oldest) {
        this.trim(log);
        log.limitedAt = oldest;
      }
      this.noteVacancy(name);
    }
  }

  range(name: string): object {
    const { epoch, floor, head, closed } = this.open(name);
    return { epoch, floor, head, closed };
  }

  before(name: string, count: number): object {
    const range = this.range(name) as { floor: number; head: number };
    return { ...range, at: Math.max(range.floor, range.head - count) };
  }

  read(
    name: string,
    after: Cursor | "oldest" | "latest",
    limits: { eventsMax: number; bytesMax: number },
  ): object {
    const range = this.range(name);
    const { epoch, floor, head, limitedAt, retained } = this.logs.get(name)!;
    let from = after === "latest" ? head : floor;
    let gap = {};
    if (typeof after !== "string") {
      if (after.epoch !== epoch || after.offset > head) gap = { gap: "epoch" };
      else if (after.offset < floor) gap = { gap: after.offset < limitedAt ? "limit" : "expired" };
      else from = after.offset;
    }
    const events = retained.filter(({ offset }) => offset > from).slice(0, limits.eventsMax);
    while (events.length > 1 && sum(events.map(sizeOf)) > limits.bytesMax) events.pop();
    return { epoch, from, to: from + events.length, events, range, ...gap };
  }

  state(name: string): object {
    const { epoch, head, state, truncatedAt } = this.open(name);
    return { epoch, to: head, events: state, truncatedAt };
  }

  close(name: string): object {
    const log = this.open(name);
    if (!log.closed) this.notices.push([name, "closed"]);
    log.closed = true;
    this.use(name);
    return this.range(name);
  }

  follow(name: string): object {
    this.open(name).followers++;
    this.use(name);
    return this.range(name);
  }

  unfollow(name: string): void {
    const log = this.logs.get(name);
    if (log === undefined) return;
    log.followers--;
    this.use(name);
  }

  stats(): object {
    const logs = [...this.logs.values()];
    return {
      channels: logs.length,
      events: sum(logs.map(({ retained }) => retained.length)),
      bytes: this.bytes(),
      followers: sum(logs.map(({ followers }) => followers)),
    };
  }
}

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
      limits: { eventsMax: number; bytesMax: number };
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
  readonly model: Model;
  readonly broker: MemoryBroker;
  readonly cursors: Cursor[] = [];
  followers: Follower[] = [];

  constructor(retention: Retention, limits: MemoryLimits) {
    this.model = new Model(retention, limits);
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
