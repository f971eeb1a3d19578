import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Failure } from "./exit-codes.ts";
import { type Line, readLines } from "./lines.ts";

async function* chunksOf(chunks: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

async function gather(chunks: readonly (string | Uint8Array)[], bytesMax?: number) {
  const groups: (readonly Line[])[] = [];
  let failure: unknown;
  try {
    for await (const lines of readLines(chunksOf(chunks), bytesMax)) groups.push(lines);
  } catch (error) {
    failure = error;
  }
  return { groups, failure, texts: groups.flat().map((line) => line.text) };
}

test("[ORD] lines come out as they went in, however the input is cut", async () => {
  const lines = fc.array(fc.string({ unit: "binary" }).map((text) => text.replace(/[\r\n\ufeff]/g, "")));
  await fc.assert(
    fc.asyncProperty(lines, fc.array(fc.nat(40)), async (texts, cuts) => {
      const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(""));
      const chunks: Uint8Array[] = [];
      let start = 0;
      for (const cut of cuts) {
        chunks.push(bytes.subarray(start, start + cut));
        start += cut;
      }
      chunks.push(bytes.subarray(start));
      const { groups, texts: out, failure } = await gather(chunks);
      assert.equal(failure, undefined);
      assert.deepEqual(out, texts);
      assert.deepEqual(
        groups.flat().map((line) => line.number),
        texts.map((_, index) => index + 1),
      );
      assert.ok(groups.every((group) => group.length > 0));
    }),
  );
});

test("what is there is yielded at once, the rest of a line when it has come", async () => {
  const { groups } = await gather(["one\ntw", "o\nthree"]);
  assert.deepEqual(groups, [
    [{ number: 1, text: "one" }],
    [{ number: 2, text: "two" }],
    [{ number: 3, text: "three" }],
  ]);
});

test("a last line needs no line break, and none makes a line of nothing", async () => {
  assert.deepEqual((await gather(["a\nb"])).texts, ["a", "b"]);
  assert.deepEqual((await gather(["a\nb\n"])).texts, ["a", "b"]);
  assert.deepEqual((await gather(["a\n\nb\n"])).texts, ["a", "", "b"]);
  assert.deepEqual((await gather([])).texts, []);
});

test("CR LF ends a line as well, and a byte order mark begins none", async () => {
  assert.deepEqual((await gather(["\ufeffa\r\n", "b\r\nc\rd"])).texts, ["a", "b", "c\rd"]);
});

test("[EVT-3] what is not UTF-8 is refused with its line, after the lines before it", async () => {
  const { texts, failure } = await gather(["one\ntwo\n", Uint8Array.of(0x61, 0xff, 0x0a), "four\n"]);
  assert.deepEqual(texts, ["one", "two"]);
  assert.ok(failure instanceof Failure);
  assert.deepEqual(failure.sentences, ["Line 3 is not UTF-8."]);
});

test("[BND] a line without an end is refused before it fills the memory", async () => {
  const { texts, failure } = await gather(["ok\n", "xxxxx", "xxxxxx", "never read\n"], 10);
  assert.deepEqual(texts, ["ok"]);
  assert.ok(failure instanceof Failure);
  assert.deepEqual(failure.sentences, ["Line 2 is longer than 10 bytes."]);
});
