import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Pipe } from "./pipe.ts";
import { Timeline } from "./timeline.ts";

function runAll(timeline: Timeline): void {
  while (timeline.step());
}

test("things happen in the order of their moments, and those of one moment in the order they were planned", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), (delays) => {
      const timeline = new Timeline(1000);
      const happened: [number, number][] = [];
      for (const [index, delay] of delays.entries()) {
        timeline.after(delay, () => happened.push([timeline.now - 1000, index]));
      }
      runAll(timeline);
      const expected = [...delays.entries()].map(([index, delay]): [number, number] => [delay, index]);
      expected.sort(([a, i], [b, j]) => a - b || i - j);
      assert.deepEqual(happened, expected);
    }),
  );
});

test("what was cancelled does not happen, and time does not pass for it", () => {
  const timeline = new Timeline(0);
  const cancel = timeline.at(5, () => assert.fail("cancelled"));
  cancel();
  assert.equal(timeline.nextAt, Number.POSITIVE_INFINITY);
  assert.equal(timeline.step(), false);
  assert.equal(timeline.now, 0);
});

test("what is planned for the past happens now", () => {
  const timeline = new Timeline(100);
  let at = 0;
  timeline.at(3, () => {
    at = timeline.now;
  });
  runAll(timeline);
  assert.equal(at, 100);
});

test("a pipe keeps its order whatever each piece is delayed by", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { minLength: 1 }), (delays) => {
      const timeline = new Timeline(0);
      const arrived: number[] = [];
      const left = [...delays];
      const pipe = new Pipe<number>(
        timeline,
        () => left.shift() ?? 0,
        (item) => arrived.push(item),
      );
      for (const index of delays.keys()) pipe.send(index, 1);
      assert.equal(pipe.bytesInFlight, delays.length);
      runAll(timeline);
      assert.deepEqual(arrived, [...delays.keys()]);
      assert.equal(pipe.bytesInFlight, 0);
    }),
  );
});

test("a pipe that is held delivers when everything that holds it has let go", () => {
  const timeline = new Timeline(0);
  const arrived: string[] = [];
  const pipe = new Pipe<string>(
    timeline,
    () => 1,
    (item) => arrived.push(item),
  );
  pipe.hold("fault");
  pipe.hold("pause");
  pipe.send("a");
  runAll(timeline);
  pipe.release("fault");
  runAll(timeline);
  assert.deepEqual(arrived, []);
  pipe.release("pause");
  runAll(timeline);
  assert.deepEqual(arrived, ["a"]);
});

test("a pipe that breaks loses what is on its way, and all that comes after", () => {
  const timeline = new Timeline(0);
  const pipe = new Pipe<string>(
    timeline,
    () => 1,
    () => assert.fail("lost"),
  );
  pipe.send("a", 3);
  pipe.break();
  pipe.send("b", 3);
  runAll(timeline);
  assert.equal(pipe.bytesInFlight, 0);
});

test("a slow pipe takes its time for each byte", () => {
  const timeline = new Timeline(0);
  const arrived: number[] = [];
  const pipe = new Pipe<string>(
    timeline,
    () => 0,
    () => arrived.push(timeline.now),
  );
  pipe.throttle(0.5);
  for (const item of ["a", "b", "c"]) pipe.send(item, 10);
  runAll(timeline);
  assert.deepEqual(arrived, [20, 40, 60]);
});
