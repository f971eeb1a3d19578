import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import { Entrance } from "./entrance.ts";

/** An event loop in the hands of the test, in which each newcomer costs so much. */
class Loop {
  time = 0;
  workMs = 0;
  entered = 0;
  readonly turns: number[] = [];
  readonly delays: number[] = [];
  readonly refused: string[] = [];
  readonly entrance: Entrance;
  readonly #costMs: number;
  #turnFrom = 0;
  #next: (() => void)[] = [];

  constructor(costMs: number, limits = { arrivalsMax: 1_000_000, loopDelayMsMax: 100 }) {
    let drawn = 0;
    this.#costMs = costMs;
    this.entrance = new Entrance({
      limits,
      now: () => this.time,
      worked: () => this.workMs,
      nextTurn: (run) => this.#next.push(run),
      random: () => (drawn++ % 10) / 10,
      refused: (limit) => this.refused.push(limit),
    });
  }

  get isWatched(): boolean {
    return this.#next.length > 0;
  }

  work(ms: number): void {
    this.time += ms;
    this.workMs += ms;
  }

  #serve(): void {
    this.entered++;
    this.work(this.#costMs);
    this.entrance.left();
  }

  arrive(clients: number): void {
    for (let client = 0; client < clients; client++) void this.#arrive();
  }

  async #arrive(): Promise<void> {
    try {
      const turn = this.entrance.enter();
      if (turn !== undefined) await turn;
      this.#serve();
    } catch (error) {
      assert.ok(error instanceof HoldfastError);
      assert.equal(error.code, "overloaded");
      this.delays.push(error.retryAfterMs ?? Number.NaN);
    }
  }

  /** Ends this turn of the loop, of which the rest costs a millisecond. */
  async turn(): Promise<void> {
    this.work(1);
    this.turns.push(this.workMs - this.#turnFrom);
    this.#turnFrom = this.workMs;
    const due = this.#next;
    this.#next = [];
    for (const run of due) run();
    // Those who may enter now do so before the loop goes on.
    for (let hop = 0; hop < 10; hop++) await Promise.resolve();
  }
}

test("[CALM-8] however many come, all are let in where they cost little, and turns stay short", async () => {
  const loop = new Loop(0.1);
  loop.arrive(5000);
  for (let turn = 0; turn < 40; turn++) await loop.turn();
  assert.deepEqual([loop.entered, loop.delays.length, loop.entrance.waiting], [5000, 0, 0]);
  assert.ok(Math.max(...loop.turns) <= 110, `${loop.turns}`);
});

test("[CALM-8] where each costs much fewer come in a turn, and turns become short again", async () => {
  const loop = new Loop(4);
  loop.arrive(400);
  for (let turn = 0; turn < 40; turn++) await loop.turn();
  assert.equal(loop.entered, 400);
  const [, , ...settled] = loop.turns;
  assert.ok(Math.max(...settled) <= 200, `${loop.turns}`);
});

test("[CALM-8] whoever would wait for too long is sent away, to come back over the time it takes to let in as many", async () => {
  const loop = new Loop(10);
  loop.arrive(5000);
  loop.entrance.check();
  while (loop.time < 2300) await loop.turn();
  assert.throws(() => loop.entrance.check(), { code: "overloaded", limit: "loopDelayMsMax" });
  for (let turn = 0; turn < 400; turn++) await loop.turn();
  loop.entrance.check();
  assert.equal(loop.entered + loop.delays.length, 5000);
  assert.ok(loop.entered >= 150, `${loop.entered} came in`);
  assert.deepEqual([...new Set(loop.refused)], ["loopDelayMsMax"]);
  // Some hundred a second come in, and thousands are to come back.
  assert.ok(Math.max(...loop.delays) > 20_000 && Math.max(...loop.delays) <= 61_000);
  assert.ok(Math.min(...loop.delays) >= 1000);
  assert.ok(new Set(loop.delays).size > 100, "they are spread");
});

test("[CALM-8] a loop that others make wait, and not newcomers, lets them in all the same", async () => {
  const loop = new Loop(0.1);
  loop.arrive(2000);
  for (let turn = 0; turn < 12; turn++) {
    loop.time += 150;
    await loop.turn();
  }
  assert.deepEqual([loop.entered, loop.delays.length], [2000, 0]);
});

test("[CALM-8] [BND-2] no more than so many wait or are being looked up at a time", () => {
  const loop = new Loop(0, { arrivalsMax: 2, loopDelayMsMax: 0 });
  const { entrance } = loop;
  assert.deepEqual([entrance.enter(), entrance.enter()], [undefined, undefined]);
  assert.throws(() => entrance.enter(), { code: "overloaded", limit: "arrivalsMax" });
  assert.throws(() => entrance.check(), { code: "overloaded", limit: "arrivalsMax" });
  assert.deepEqual(loop.refused, ["arrivalsMax", "arrivalsMax"]);
  entrance.left();
  assert.equal(entrance.enter(), undefined);
});

test("[CALM-8] a newcomer to an idle node waits for nothing, and then nothing is watched", async () => {
  const loop = new Loop(1);
  assert.equal(loop.entrance.enter(), undefined);
  loop.entrance.left();
  await loop.turn();
  await loop.turn();
  assert.equal(loop.isWatched, false);
});
