import assert from "node:assert/strict";
import { once } from "node:events";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { Line } from "./line.ts";
import { delayAfter } from "./slot.ts";

function listener() {
  const heard: [topic: string, text: string][] = [];
  let ends = 0;
  return {
    heard,
    get ends() {
      return ends;
    },
    hear: (topic: string, text: string) => heard.push([topic, text]),
    drained: () => {},
    ended: () => ends++,
  };
}

test("[ORD] messages arrive whole and in their order, however they are cut up on the way", async () => {
  const [near, far] = duplexPair();
  const ear = listener();
  const line = new Line(near, ear);
  const bytes = Buffer.from('l{"text":"für 😀"}\np1\nwlast\n');
  for (const byte of bytes) far.write(Buffer.of(byte));
  far.end();
  await once(near, "close");
  assert.deepEqual(ear.heard, [
    ["log", '{"text":"für 😀"}'],
    ["lobby", "1"],
    ["worker", "last"],
  ]);
  assert.equal(ear.ends, 1);
  // Nobody is there to take it, and that is no fault.
  line.send("log", "late");
  line.close();
});

test("what is sent in one tick is one write, and what was sent before the end arrives", async () => {
  const [near, far] = duplexPair();
  const line = new Line(near, listener());
  const writes: string[] = [];
  far.setEncoding("utf8").on("data", (text: string) => writes.push(text));
  for (const text of ["1", "2", "3"]) line.send("log", text);
  await once(far, "data");
  line.send("worker", "4");
  line.close();
  await once(far, "end");
  assert.deepEqual(writes, ["l1\nl2\nl3\n", "w4\n"]);
});

test("[BND] a line is full while the other end does not take what was sent, and tells when it has", async () => {
  const [near, far] = duplexPair();
  const drained = Promise.withResolvers<void>();
  const line = new Line(near, { ...listener(), drained: () => drained.resolve() });
  line.send("log", "x".repeat(9 * 1024 * 1024));
  assert.equal(line.isFull, true);
  far.resume();
  await drained.promise;
  assert.equal(line.isFull, false);
});

test("[CALM] the first successor of a worker comes at once, later ones wait longer and longer, up to a bound", () => {
  assert.deepEqual(
    [0, 1, 2, 3, 4, 20].map((failures) => delayAfter(failures)),
    [0, 0, 100, 200, 400, 10_000],
  );
});
