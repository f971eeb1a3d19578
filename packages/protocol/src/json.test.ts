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
/** Without backslashes: V8 can take a name for an earlier one that holds one (nodejs/node#63785). */
const names = strings.filter((text) => !text.includes("\\\\"));
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
        .tuple(spaces, names, spaces, spaces, tie("value"), spaces)
        .map(([a, name, b, c, value, d]) => `${a}${name}${b}:${c}${value}${d}`),
      { maxLength: 5 },
    )
    .map((members) => `{${members.join(",")}}`),
}));

/** What JSON.parse makes of the pieces that were found in `text`. */
function reread(text: string): unknown {
  const start = valueStart(text);
  const values: unknown[] = [];
  const names: string[] = [];
  const read = (at: number): number => {
    const end = valueEnd(text, at);
    values.push(JSON.parse(text.slice(at, end)));
    return end;
  };
  const readMember = (name: string, at: number): number => {
    names.push(name);
    return read(at);
  };
  switch (text[start]) {
    case "[":
      assert.equal(text.slice(visitElements(text, start, read)).trim(), "");
      return values;
    case "{":
      assert.equal(text.slice(visitMembers(text, start, readMember)).trim(), "");
      return Object.fromEntries(names.map((name, index) => [name, values[index]]));
    default:
      assert.equal(text.slice(read(start)).trim(), "");
      return values[0];
  }
}

test("[EVT-1] values are found in JSON text where JSON.parse sees them, the last of a repeated name included", () => {
  fc.assert(
    fc.property(spaces, json, spaces, (before, value, after) => {
      const text = before + value + after;
      assert.deepEqual(reread(text), JSON.parse(text));
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

test("a text that is cut after a name, a colon or a comma ends the search", () => {
  const visit = (text: string) => (at: number) => valueEnd(text, at);
  for (const text of ['{"a', '{"a"', '{ "a\\"b" ', '{"a":', '{"a":1', '{"a":1,', '{"a":1, ', "{"]) {
    const find = () => visitMembers(text, 0, (_, at) => visit(text)(at));
    assert.throws(find, { name: "HoldfastError", code: "bad_json" }, text);
  }
  for (const text of ["[", "[ ", "[1", "[1,", '["a', "[[]", "[[],{"]) {
    const find = () => visitElements(text, 0, visit(text));
    assert.throws(find, { name: "HoldfastError", code: "bad_json" }, text);
  }
});

test("a text that is cut short ends the search, wherever it is cut", () => {
  fc.assert(
    fc.property(json, fc.nat(), (text, at) => {
      const start = text.slice(0, at % text.length);
      if (!/^[[{"]/.test(start)) return;
      const refused = { name: "HoldfastError", code: "bad_json" };
      const visit = (at: number) => valueEnd(start, at);
      assert.throws(() => visit(0), refused);
      if (start[0] === "{") assert.throws(() => visitMembers(start, 0, (_, at) => visit(at)), refused);
      if (start[0] === "[") assert.throws(() => visitElements(start, 0, visit), refused);
    }),
    { numRuns: 1000 },
  );
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
