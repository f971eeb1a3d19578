import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { eventLine, gapSentence } from "./event-lines.ts";
import { Output } from "./output.ts";
import { showable } from "./terminal.ts";

/** A pipe that takes a chunk only when it is told to. */
class Pipe extends Writable {
  readonly taken: string[] = [];
  #waiting: ((error?: Error) => void)[] = [];

  constructor() {
    super({ highWaterMark: 4, decodeStrings: false });
  }

  override _write(chunk: string, _: string, done: (error?: Error) => void): void {
    this.#waiting.push((error) => {
      if (error === undefined && chunk !== "") this.taken.push(chunk);
      done(error);
    });
  }

  take(error?: Error): void {
    this.#waiting.shift()?.(error);
  }
}

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const open = Symbol();
  await new Promise((resolve) => setImmediate(resolve));
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

test("[BND] what writes to a slow pipe waits for it, and nobody else's turn is lost", async () => {
  const pipe = new Pipe();
  const output = new Output(pipe);
  assert.equal(await isSettled(output.write("ab")), true);
  const [first, second] = [output.write("cdef"), output.write("gh")];
  assert.equal(await isSettled(first), false);
  pipe.take();
  pipe.take();
  assert.equal(await isSettled(first), false);
  pipe.take();
  await Promise.all([first, second]);
  assert.deepEqual(pipe.taken, ["ab", "cdef", "gh"]);
});

test("[BND] a thousand writers wait with one listener", async () => {
  const pipe = new Pipe();
  const output = new Output(pipe);
  const waiting = Array.from({ length: 1000 }, () => output.write("12345"));
  assert.equal(pipe.listenerCount("drain"), 1);
  for (let taken = 0; taken < 1000; taken++) pipe.take();
  await Promise.all(waiting);
  assert.equal(pipe.listenerCount("drain"), 0);
  const later = output.write("12345");
  pipe.take();
  await later;
});

test("when the reader leaves, whoever waits goes on, and what is written is dropped", async () => {
  const pipe = new Pipe();
  const output = new Output(pipe);
  const waiting = output.write("too long");
  pipe.take(Object.assign(new Error("broken pipe"), { code: "EPIPE" }));
  await waiting;
  assert.equal(output.gone.aborted, true);
  await output.write("dropped");
  await output.end();
  assert.deepEqual(pipe.taken, []);
});

test("the end is when everything was taken", async () => {
  const pipe = new Pipe();
  const output = new Output(pipe);
  void output.write("abcdef");
  const end = output.end();
  pipe.take();
  assert.equal(await isSettled(end), false);
  pipe.take();
  await end;
  assert.deepEqual(pipe.taken, ["abcdef"]);
});

const event = {
  channel: "a",
  cursor: "k-1",
  at: 5,
  data: "red \u001b[31m\u009b\u202e\ttab\nline",
  encoding: "text" as const,
};

test("a terminal is shown what it would obey; a pipe gets what was published", () => {
  const format = { json: false, named: false, terminal: true };
  assert.equal(eventLine(event, format), "red \\u{1b}[31m\\u{9b}\\u{202e}\ttab\nline\n");
  assert.equal(eventLine(event, { ...format, terminal: false }), `${event.data}\n`);
  assert.equal(showable("naïve 👩‍👩‍👧 שלום\r"), "naïve 👩‍👩‍👧 שלום\\u{d}");
});

test("[GAP-2] each reason of a gap is told in words", () => {
  const words = ["expired", "epoch", "slow", "limit"] as const;
  const sentences = words.map((reason) => gapSentence({ channel: "a", from: "k-1", to: "k-2", reason }));
  assert.equal(new Set(sentences).size, 4);
  for (const [index, sentence] of sentences.entries()) {
    assert.match(sentence, /^events of a between k-1 and k-2 can no longer be had: .{20,}\.$/);
    assert.ok(!sentence.includes(`: ${words[index]}.`));
  }
});
