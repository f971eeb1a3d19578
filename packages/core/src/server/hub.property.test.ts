import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCursor, type ServerMessage, type Start } from "@holdfast/protocol";
import fc from "fast-check";
import type { Held } from "./scripted-broker.test-support.ts";
import { type Client, numbered, World } from "./world.test-support.ts";

type Operation =
  | { readonly do: "append"; readonly keys: readonly number[] }
  | { readonly do: "notices"; readonly are: "told" | "lost" | "kept" | "doubled" }
  | { readonly do: "release"; readonly backwards: boolean }
  | { readonly do: "flush" | "settle" | "disturb" | "close" | "recreate" | "heal" }
  | { readonly do: "attach"; readonly start: Start | { readonly back: number } }
  | { readonly do: "detach" | "leave" | "fill"; readonly client: number }
  | { readonly do: "drain"; readonly client: number; readonly room: number }
  | { readonly do: "trim"; readonly keep: number }
  | { readonly do: "fail"; readonly call: "read" | "range" | "state" | "follow" | "before" }
  | { readonly do: "slow"; readonly call: "read" | "range" | "state"; readonly asOf: "call" | "release" }
  | { readonly do: "answer"; readonly count: number }
  | { readonly do: "pass"; readonly ms: number };

const client = fc.nat(5);
const start = fc.oneof(
  fc.constantFrom({ after: "latest" } as const, { after: "oldest" } as const),
  fc.record({ last: fc.nat(8) }),
  // So far back from the head, or beyond it.
  fc.record({ back: fc.integer({ min: -3, max: 30 }) }),
  fc.constant({ after: { epoch: "lost", offset: 4 } }),
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("append"),
      keys: fc.array(fc.nat(4), { minLength: 1, maxLength: 9 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("notices"),
      are: fc.constantFrom("told", "lost", "kept", "doubled"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("release"), backwards: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("flush", "settle") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("disturb", "close", "recreate") }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("heal") }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("attach"), start }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("detach", "leave"), client }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("fill"), client }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("drain"), client, room: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("trim"), keep: fc.nat(10) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("fail"),
      call: fc.constantFrom("read", "range", "state", "follow", "before"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("slow"),
      call: fc.constantFrom("read", "range", "state"),
      asOf: fc.constantFrom("call", "release"),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("answer"), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.constantFrom(100, 1000, 15_000) }) },
) as fc.Arbitrary<Operation>;

const settings = fc.record({
  mode: fc.constantFrom("every", "latest"),
  maxLag: fc.constantFrom(0, 0, 12),
  tailEventsMax: fc.integer({ min: 1, max: 12 }),
  pageEventsMax: fc.integer({ min: 1, max: 5 }),
  stride: fc.integer({ min: 1, max: 3 }),
});
type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;

/** Answers to what was asked may be written to a full sink, and nothing else. */
const answers = new Set<ServerMessage["type"]>(["subscribed", "unsubscribed", "error"]);

/** One channel under everything that can happen to it. */
class Trial {
  readonly world: World;
  readonly #readers: Client[] = [];
  readonly #held = new Set<Held>();
  #notices: (() => void)[] = [];
  #values = 0;
  #epochs = 0;

  constructor({ mode, maxLag, tailEventsMax, pageEventsMax, stride }: Settings) {
    this.world = new World({ namespace: { mode, maxLag, tailEventsMax }, limits: { pageEventsMax } });
    this.world.log().stride = stride;
  }

  async run(operations: readonly Operation[]): Promise<void> {
    for (const operation of operations) {
      await this.#do(operation);
      this.check();
    }
  }

  async #do(operation: Operation): Promise<void> {
    const { world } = this;
    const log = world.log();
    switch (operation.do) {
      case "append":
        if (!log.isClosed) log.append(...operation.keys.map((key) => numbered(this.#values++, `key-${key}`)));
        return;
      case "notices":
        this.#route(operation.are);
        return;
      case "release":
        for (const tell of operation.backwards ? this.#notices.toReversed() : this.#notices) tell();
        this.#notices = [];
        return;
      case "flush":
        world.flush();
        return;
      case "settle":
        await world.settle();
        return;
      case "disturb":
        log.disturb();
        return;
      case "close":
        log.close();
        return;
      case "recreate":
        log.recreate(`e${this.#epochs++}`);
        return;
      case "attach":
        this.#attach(operation.start);
        return;
      case "trim":
        log.trim(log.head.offset - operation.keep * log.stride);
        return;
      case "fail":
        world.broker.refuse(operation.call);
        return;
      case "slow":
        this.#held.add(world.broker.hold(operation.call, operation.asOf));
        return;
      case "answer":
        for (const held of this.#held) held.release(operation.count);
        return;
      case "heal":
        this.#heal();
        return;
      case "pass":
        await world.pass(operation.ms);
        return;
      default:
        this.#steer(operation);
    }
  }

  #steer(operation: Extract<Operation, { client: number }>): void {
    const reader = this.#readers[operation.client % Math.max(1, this.#readers.length)];
    if (reader === undefined) return;
    if (operation.do === "detach") reader.session.unsubscribe("a");
    else if (operation.do === "leave") this.#leave(reader);
    else if (operation.do === "drain") reader.drain(operation.room);
    else if (!reader.session.full) reader.sink.room = 1;
  }

  #leave(reader: Client): void {
    reader.session.gone();
    this.#readers.splice(this.#readers.indexOf(reader), 1);
  }

  #attach(start: Start | { readonly back: number }): void {
    if (this.#readers.length > 5) return;
    const reader = this.world.client({ hears: false });
    this.#readers.push(reader);
    const { epoch, offset } = this.world.log().head;
    const at = "back" in start ? { after: { epoch, offset: Math.max(0, offset - start.back) } } : start;
    void reader.subscribe("a", at);
  }

  #route(are: "told" | "lost" | "kept" | "doubled"): void {
    this.world.log().route = (tell) => {
      if (are === "kept") this.#notices.push(tell);
      if (are === "told" || are === "doubled") tell();
      if (are === "doubled") tell();
    };
  }

  #heal(): void {
    const { broker } = this.world;
    for (const call of ["read", "range", "state", "follow", "before"] as const) {
      broker.heal(call);
      broker.unhold(call);
    }
    for (const held of this.#held) held.release();
    this.#held.clear();
  }

  /** What each was told follows the log from its cursor, in order, once, with every omission told. */
  check(): void {
    const { world } = this;
    for (const reader of world.clients) {
      reader.check("a");
      for (const { type } of reader.sink.excess) assert.ok(answers.has(type), `${type} to a full sink`);
      for (const message of reader.messages) if (message.type === "gap") this.#isHonest(message);
    }
    assert.deepEqual(world.faults, []);
  }

  #isHonest({ from, to, reason }: Extract<ServerMessage, { type: "gap" }>): void {
    const { range } = this.world.log();
    const [left, right] = [parseCursor(from), parseCursor(to)];
    const { maxLag, mode } = this.world.namespace;
    if (reason === "slow") assert.ok(mode === "every" && right.offset - left.offset > maxLag);
    if (reason === "expired") {
      assert.ok(mode === "every" && left.epoch === right.epoch && left.offset < right.offset);
      if (right.epoch === range.epoch) assert.ok(right.offset <= range.floor, "it had not expired");
    }
    assert.notEqual(reason, "limit");
  }

  /** When all heals everybody is up to date by the second heartbeat, and when all leave nothing is left. */
  async end(): Promise<void> {
    const { world } = this;
    this.#heal();
    this.#route("told");
    for (const reader of this.#readers) reader.drain();
    await world.pass(2 * world.limits.heartbeatMs);
    this.check();
    let readers = 0;
    for (const reader of this.#readers) {
      const { position, hasEnded } = reader.check("a");
      if (position === undefined) continue;
      readers++;
      assert.equal(hasEnded, false);
      assert.equal(world.log().isClosed, false, "a closed channel has ended");
      assert.deepEqual(position, world.log().head);
      assert.equal(reader.session.caughtUp, true);
    }
    assert.equal(world.hubs.stats().readers, readers);
    for (const reader of [...this.#readers]) this.#leave(reader);
    await world.pass(90_000);
    assert.deepEqual(world.hubs.stats(), {
      hubs: 0,
      readers: 0,
      readersLive: 0,
      tailEvents: 0,
      tailBytes: 0,
    });
    assert.equal(world.broker.followings, 0);
  }
}

test("[ORD-1] [DUP-1] [GAP-1] [GAP-3] [MODE-1] [MODE-2] [END-1] [BND-1] [BEAT-2] [BEAT-3] whatever happens to a channel, each reader follows its log", async () => {
  await fc.assert(
    fc.asyncProperty(
      settings,
      fc.array(operation, { maxLength: 60, size: "max" }),
      async (chosen, operations) => {
        const trial = new Trial(chosen);
        await trial.run(operations);
        await trial.end();
      },
    ),
    { numRuns: 300 },
  );
});
