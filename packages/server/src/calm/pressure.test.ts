import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import { Pressure } from "./pressure.ts";

/** An event loop in the hands of the test, whose turns take as long as it says. */
class Loop {
  time = 0;
  readonly refused: string[] = [];
  readonly pressure: Pressure;
  #next: (() => void)[] = [];

  constructor(limits = { arrivalsMax: 1000, loopDelayMsMax: 200 }) {
    let drawn = 0;
    this.pressure = new Pressure({
      limits,
      now: () => this.time,
      nextTurn: (run) => this.#next.push(run),
      random: () => (drawn++ % 10) / 10,
      refused: (limit) => this.refused.push(limit),
    });
  }

  turn(ms: number): void {
    this.time += ms;
    const due = this.#next;
    this.#next = [];
    for (const run of due) run();
  }

  get isMeasured(): boolean {
    return this.#next.length > 0;
  }

  /** Clients that come in one turn; returns when those are to come back who were refused. */
  arrive(clients: number): number[] {
    const delays: number[] = [];
    for (let client = 0; client < clients; client++) {
      try {
        this.pressure.arrive();
        this.pressure.arrived();
      } catch (error) {
        assert.ok(error instanceof HoldfastError);
        assert.equal(error.code, "overloaded");
        delays.push(error.retryAfterMs ?? Number.NaN);
      }
    }
    return delays;
  }
}

test("[CALM-8] however many come, all are let in while turns are short", () => {
  const loop = new Loop();
  for (let turn = 0; turn < 100; turn++) {
    assert.deepEqual(loop.arrive(500), []);
    loop.turn(60);
  }
  assert.deepEqual(loop.refused, []);
  assert.ok(Math.abs(loop.pressure.turnMs - 60) < 1);
});

test("[CALM-8] the surplus is refused while turns take too long, and let in again when they do not", () => {
  const loop = new Loop();
  let refused = 0;
  for (let turn = 0; turn < 20; turn++) {
    refused += loop.arrive(300).length;
    loop.turn(500);
  }
  assert.ok(refused > 1000, `${refused} refused`);
  assert.deepEqual([...new Set(loop.refused)], ["loopDelayMsMax"]);
  for (let turn = 0; turn < 20; turn++) {
    loop.arrive(10);
    loop.turn(10);
  }
  assert.deepEqual(loop.arrive(300), []);
});

test("[CALM-8] a few are let in however long turns take: it is not they who hold the loop up", () => {
  const loop = new Loop();
  for (let turn = 0; turn < 100; turn++) {
    assert.deepEqual(loop.arrive(20), []);
    loop.turn(600);
  }
});

test("[CALM-8] those who are refused come back over the time that it takes to serve as many", () => {
  const loop = new Loop();
  for (let turn = 0; turn < 10; turn++) {
    loop.arrive(100);
    loop.turn(500);
  }
  const delays = loop.arrive(5000);
  const latest = Math.max(...delays);
  // Some hundred a second were served of late, and five thousand wait.
  assert.ok(latest > 20_000 && latest <= 61_000, `${latest}`);
  assert.ok(Math.min(...delays) >= 1000);
  assert.ok(new Set(delays).size > 100, "they are spread");
});

test("[CALM-8] [BND-2] as many as are being looked up are let in at a time", () => {
  const loop = new Loop({ arrivalsMax: 2, loopDelayMsMax: 0 });
  loop.pressure.arrive();
  loop.pressure.arrive();
  assert.throws(() => loop.pressure.arrive(), { code: "overloaded", limit: "arrivalsMax" });
  assert.deepEqual(loop.refused, ["arrivalsMax"]);
  loop.pressure.arrived();
  loop.pressure.arrive();
  assert.equal(loop.pressure.arriving, 2);
});

test("[CALM-8] what is known of the loop is forgotten when nobody comes, and then nothing is measured", () => {
  const loop = new Loop();
  loop.arrive(100);
  for (let turn = 0; turn < 2; turn++) loop.turn(5000);
  assert.ok(loop.pressure.turnMs > 1000);
  assert.equal(loop.isMeasured, false);
  loop.time += 1001;
  assert.equal(loop.pressure.turnMs, 0);
  assert.deepEqual(loop.arrive(100), []);
});
