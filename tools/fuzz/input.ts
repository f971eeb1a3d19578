import fc from "fast-check";

/** Characters and spans at which decoders have gone wrong. */
const troublesome = [
  ..."\0\n\r\t \"\\'{}[]:,=-+.0eE/<é\u0085\u2028\ufeff\ud83d\ude00\uffff",
  "\r\n",
  "\\u0000",
  "\\ud83d",
  "null",
  "true",
  "-0",
  "1e400",
  "9007199254740991",
  "9007199254740992",
  "12345678901234567890",
  "__proto__",
  "constructor",
  "toString",
];

const mutation = (seeds: readonly string[], words: readonly string[]) =>
  fc.record({
    kind: fc.constantFrom("insert", "remove", "double", "overwrite", "repeat", "splice"),
    at: fc.nat(),
    length: fc.oneof(fc.nat(4), fc.nat(64)),
    word: fc.constantFrom(...words, ...troublesome),
    seed: fc.constantFrom(...seeds),
  });

type Mutation = ReturnType<typeof mutation> extends fc.Arbitrary<infer T> ? T : never;

function mutate(text: string, { kind, at, length, word, seed }: Mutation): string {
  const start = at % (text.length + 1);
  const head = text.slice(0, start);
  const span = text.slice(start, start + length);
  const tail = text.slice(start + length);
  switch (kind) {
    case "insert":
      return head + word + span + tail;
    case "remove":
      return head + tail;
    case "double":
      return head + span + span + tail;
    case "overwrite":
      return head + word + text.slice(start + word.length);
    case "repeat":
      return head + word.repeat(length) + span + tail;
    default:
      return head + seed.slice(at % (seed.length + 1));
  }
}

/** What is near to the seeds, with `words` of the grammar among what is put in. */
export function mutated(seeds: readonly string[], words: readonly string[]): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...seeds), fc.array(mutation(seeds, words), { minLength: 1, maxLength: 4 }))
    .map(([seed, mutations]) => mutations.reduce(mutate, seed));
}

/** Words of the grammar in any order. */
export function sentences(words: readonly string[]): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...words), { maxLength: 20 }).map((list) => list.join(""));
}

/** What is near to JSON of these shapes: members, and values in their places, come from anywhere among the `valid`. */
export function jsonNear(valid: readonly string[], refused: readonly string[]): fc.Arbitrary<string> {
  const nodes = valid.flatMap((text) => nodesIn(JSON.parse(text)));
  const names = [...new Set(nodes.flatMap((node) => (isObject(node) ? Object.keys(node) : [])))];
  const words = names.map((name) => `"${name}":`);
  return anyOf(mutated([...valid, ...refused], words), restructured(valid, names, nodes));
}

/** The seeds with a few members changed, added or left out at any depth. */
function restructured(seeds: readonly string[], names: readonly string[], values: readonly unknown[]) {
  const change = fc.record({
    at: fc.nat(),
    name: fc.constantFrom(...names),
    value: fc.oneof(fc.constantFrom(...values, undefined), fc.jsonValue()),
  });
  return fc.tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 3 })).map(([seed, changes]) => {
    const json: unknown = JSON.parse(seed);
    for (const { at, name, value } of changes) {
      const objects = nodesIn(json).filter(isObject);
      // A copy, since a later change may go inside; JSON leaves out what is undefined.
      Object.assign(objects[at % objects.length] ?? {}, { [name]: structuredClone(value) });
    }
    return JSON.stringify(json);
  });
}

function nodesIn(json: unknown): unknown[] {
  return typeof json === "object" && json !== null ? [json, ...Object.values(json).flatMap(nodesIn)] : [json];
}

function isObject(node: unknown): node is object {
  return typeof node === "object" && node !== null && !Array.isArray(node);
}

/** Lone surrogates included. The library's own unit "binary" takes seconds to set up. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));

/** V8 can take a later name for one with a backslash (nodejs/node#63785): that fault is not ours to find again. */
const backslashInName = /\\\\(?:[^"\\]|\\.)*"\s*:/s;

/** All of these ways to make an input, and text without any sense. */
export function anyOf(...ways: fc.Arbitrary<string>[]): fc.Arbitrary<string> {
  const weighted = ways.map((arbitrary) => ({ arbitrary, weight: 8 }));
  const senseless = { arbitrary: fc.string({ unit: codePoint }), weight: 1 };
  return fc.oneof(...weighted, senseless).filter((text) => !backslashInName.test(text));
}
