import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { Deadlines, type Timed } from "./deadlines.ts";
import { until } from "./rig.test.ts";

class Alarm implements Timed {
  deadline = Number.POSITIVE_INFINITY;
  readonly ticks: number[] = [];

  tick(now: number): void {
    this.ticks.push(now);
    this.deadline = Number.POSITIVE_INFINITY;
  }
}

function start(t: TestContext, now: () => number, onStep?: () => void): Deadlines {
  const deadlines = new Deadlines({ everyMs: 1, now, ...(onStep === undefined ? {} : { onStep }) });
  t.after(() => deadlines.stop());
  return deadlines;
}

/** Resolves when a sweep has happened that began after this call. */
async function sweep(deadlines: Deadlines): Promise<void> {
  const alarm = new Alarm();
  alarm.deadline = 0;
  deadlines.add(alarm);
  await until(() => alarm.ticks.length > 0);
  deadlines.delete(alarm);
}

test("whatever moves, is added, taken back or hastened: each is called when it is due, and never before or after it left", async (t) => {
  let now = 0;
  const deadlines = start(t, () => now);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(4), fc.nat(5), fc.nat(3000)), { maxLength: 20 }),
      async (steps) => {
        const alarms = Array.from({ length: 5 }, () => new Alarm());
        const present = new Set<Alarm>();
        for (const alarm of alarms) {
          alarm.tick = (at) => {
            assert.ok(present.has(alarm) && alarm.deadline <= at);
            alarm.ticks.push(at);
            alarm.deadline = Number.POSITIVE_INFINITY;
          };
        }
        for (const [who, what, amount] of steps) {
          const alarm = alarms[who] ?? new Alarm();
          if (what === 0) {
            present.delete(alarm);
            deadlines.delete(alarm);
          } else if (what < 4) {
            alarm.deadline = now + amount;
            if (present.has(alarm)) deadlines.hasten(alarm);
            else deadlines.add(alarm);
            present.add(alarm);
          } else {
            now += amount;
            await until(() => [...present].every(({ deadline }) => deadline > now));
          }
        }
        for (const alarm of alarms) deadlines.delete(alarm);
        assert.equal(deadlines.size, 0);
      },
    ),
    { numRuns: 15 },
  );
});

test("what is due is called, and what is not is left alone, wherever its deadline moves", async (t) => {
  let now = 1000;
  const deadlines = start(t, () => now);
  const alarm = new Alarm();
  deadlines.add(alarm);
  await sweep(deadlines);
  assert.deepEqual(alarm.ticks, []);
  alarm.deadline = 1500;
  now = 1499;
  await sweep(deadlines);
  assert.deepEqual(alarm.ticks, []);
  alarm.deadline = 1400;
  // Nobody said that it moved.
  await until(() => alarm.ticks.length > 0);
  assert.deepEqual(alarm.ticks, [1499]);
});

for (const [how, stepMs] of [
  ["runs", 0],
  ["runs, though the clock was set back,", -3_600_000],
  ["runs, though the clock was set forward,", 3_600_000],
] as const) {
  test(`"after" ${how} once and not too early, and not when it was taken back`, async (t) => {
    let offset = 0;
    const deadlines = start(t, () => Date.now() + offset);
    const startedAt = performance.now();
    let took = 0;
    let runs = 0;
    deadlines.after(1100, () => {
      took = performance.now() - startedAt;
      runs++;
    });
    const cancel = deadlines.after(1, () => (runs += 100));
    cancel();
    offset = stepMs;
    await until(() => runs > 0);
    await sweep(deadlines);
    assert.deepEqual([runs, deadlines.size], [1, 0]);
    assert.ok(took >= 1100, `${took} ms`);
  });
}

test("[BEAT-4] after a pause of the process its sockets are read before anybody is judged", async (t) => {
  const deadlines = start(t, Date.now);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const client = connect(port, "127.0.0.1");
  t.after(() => client.destroy());
  const [socket] = await once(server, "connection");
  const story: string[] = [];
  socket.on("data", () => story.push("heard"));
  const judge = new Alarm();
  judge.tick = () => {
    story.push("judged");
    judge.deadline = Number.POSITIVE_INFINITY;
  };
  client.write("I am here");
  judge.deadline = Date.now() + 30;
  deadlines.add(judge);
  // The deadline passes while nothing is read.
  for (const end = Date.now() + 60; Date.now() < end; );
  await until(() => story.length === 2);
  assert.deepEqual(story, ["heard", "judged"]);
});

test("a clock that was set is told apart from time that has passed", async (t) => {
  let offset = 0;
  const story: string[] = [];
  const deadlines = start(
    t,
    () => Date.now() + offset,
    () => story.push("step"),
  );
  const alarm = new Alarm();
  alarm.deadline = Date.now() + 3_600_000;
  alarm.tick = () => {
    story.push("tick");
    alarm.deadline = Number.POSITIVE_INFINITY;
  };
  deadlines.add(alarm);
  await sweep(deadlines);
  assert.deepEqual(story, []);
  offset = 3_600_000;
  await until(() => story.length === 2);
  assert.deepEqual(story, ["step", "tick"]);
});
