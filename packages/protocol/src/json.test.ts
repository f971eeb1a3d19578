import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { parseJson, valueEnd, valueStart, visitElements, visitMembers } from "./json.ts";

const spaces = fc.string({ unit: fc.constantFrom(" ", "\t", "\r", "\n"), maxLength: 2 });
const strings = fc
  .oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'"\\{}[],: \n\u2028\ud83d') }))
  .map((text) => JSON.stringify(text));
const scalars = fc.oneof(
  strings,
  fc.constantFrom("null", "true", "false", "0", "-0.0", "1E+400", "12345678901234567890", "0.1e-7"),
);
/** Valid JSON in all its spellings: spaces anywhere, names repeated or escaped, numbers that no double holds. */
const { value: json } = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof({ depthSize: "small" }, scalars, tie("array"), tie("object")),
  array: fc
    .array(
      fc.tuple(spaces, tie("value"), spaces).map((parts) => parts.join("")),
      { maxLength: 5 },
    )
    .map((elements) => `[${elements.join(",")}]`),
  object: fc
    .array(
      fc
        .tuple(spaces, strings, spaces, spaces, tie("value"), spaces)
        .map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`),
      { maxLength: 5 },
    )
    .map((members) => `{${members.join(",")}}`),
}));

/** The values inside `text`, as texts: rebuilt by name, or in order. */
function pieces(text: string): unknown {
  const start = valueStart(text);
  const elements: string[] = [];
  const members = new Map<string, string>();
  const cut = (at: number) => text.slice(at, valueEnd(text, at));
  let end = valueEnd(text, start);
  if (text[start] === "[") {
    end = visitElements(text, start, (at) => at + (elements[elements.push(cut(at)) - 1] ?? "").length);
  } else if (text[start] === "{") {
    end = visitMembers(text, start, (name, at) => {
      members.set(name, cut(at));
      return valueEnd(text, at);
    });
  }
  assert.equal(text.slice(end).trim(), "");
  if (text[start] === "[") return elements.map((element) => JSON.parse(element) as unknown);
  if (text[start] !== "{") return JSON.parse(text.slice(start, end));
  return Object.fromEntries([...members].map(([name, member]) => [name, JSON.parse(member) as unknown]));
}

test("[EVT-1] values are found in JSON text where JSON.parse sees them, the last of a repeated name included", () => {
  fc.assert(
    fc.property(spaces, json, spaces, (before, value, after) => {
      const text = before + value + after;
      assert.deepEqual(pieces(text), JSON.parse(text));
    }),
    { numRuns: 2000 },
  );
});

test("[EVT-1] a value nested half a million deep is found without exhausting the stack", () => {
  const deep = "[".repeat(500_000) + "]".repeat(500_000);
  assert.equal(valueEnd(deep, 0), deep.length);
  const objects = `${'{"a":'.repeat(200_000)}1${"}".repeat(200_000)}`;
  assert.equal(valueEnd(` ${objects} `, 1), objects.length + 1);
});

test("text that is no JSON is bad_json, whatever the parser says of it", () => {
  for (const text of ["", "{", "nul", "{'a':1}", "[1,]", "\ufeff1", "01", '"\n"', "NaN", "[".repeat(1e6)]) {
    assert.throws(() => parseJson(text), { name: "HoldfastError", code: "bad_json" });
  }
});

test("a member named __proto__ is a member, and reaches no prototype", () => {
  const value = parseJson('{"__proto__":{"type":"hello"}}') as Record<string, unknown>;
  assert.equal(value.type, undefined);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
});
