import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { checkTextNesting, checkValueNesting, nestingMax } from "./nesting.ts";

const refused = { name: "HoldfastError", code: "bad_event" };

/** JSON that nests as deep as there are shells around its core, with brackets of no meaning all around. */
const nested = fc
  .tuple(
    fc.array(fc.constantFrom("[_]", '{"a":_}', '["[[{",_,"]"]', ' { "}\\"[" : 0 , "b\\\\" : _ } '), {
      minLength: nestingMax - 3,
      maxLength: nestingMax + 3,
    }),
    fc.constantFrom("1", "null", '"["', '"\\\\"'),
  )
  .map(([shells, core]) => ({
    depth: shells.length,
    text: shells.reduce<string>((inner, shell) => shell.replace("_", () => inner), core),
  }));

test("[EVT-4] JSON passes exactly where it nests no deeper than it may", () => {
  fc.assert(
    fc.property(nested, ({ depth, text }) => {
      const value: unknown = JSON.parse(text);
      if (depth <= nestingMax) {
        checkTextNesting(text);
        checkValueNesting(value);
      } else {
        assert.throws(() => checkTextNesting(text), refused);
        assert.throws(() => checkValueNesting(value), refused);
      }
    }),
    { numRuns: 1000 },
  );
});

test("[EVT-4] what is wide may be as long as it likes", () => {
  const wide = Array.from({ length: 10_000 }, (_, index) => ({ list: [index], "]": "}" }));
  checkTextNesting(JSON.stringify(wide));
  checkValueNesting(wide);
});

test("[EVT-4] a million brackets are refused, and exhaust no stack", () => {
  const text = "[".repeat(1_000_000) + "]".repeat(1_000_000);
  assert.throws(() => checkTextNesting(text), refused);
  assert.throws(() => checkValueNesting(JSON.parse(text)), refused);
});

test("[EVT-4] depth in a member that a later one of its name replaces is carried too, and so it counts", () => {
  const deep = "[".repeat(nestingMax) + "]".repeat(nestingMax);
  assert.throws(() => checkTextNesting(`{"a":${deep},"a":1}`), refused);
});
