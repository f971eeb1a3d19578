import assert from "node:assert/strict";
import test, { describe } from "node:test";
import fc from "fast-check";
import {
  type Cursor,
  formatCompoundCursor,
  formatCursor,
  formatPosition,
  parseCompoundCursor,
  parseCursor,
  parsePosition,
  sameCursor,
} from "./cursor.ts";
import { HoldfastError } from "./errors.ts";

const letters = (alphabet: string, maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength });
const cursors: fc.Arbitrary<Cursor> = fc.record(
  { epoch: letters("abcdefghijklmnopqrstuvwxyz0123456789", 24), offset: fc.maxSafeNat() },
  { noNullPrototype: true },
);
const channels = letters("ABYZabyz0189_.:@-", 128);
const pairs = fc.uniqueArray(fc.tuple(channels, cursors), { minLength: 1, selector: ([channel]) => channel });
/** Lone surrogates included. The library's own unit "binary" takes seconds to set up. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));
/** Strings near the grammar, and anything at all. */
const junk = fc.oneof(
  fc.string({ unit: fc.constantFrom(..."a0-9=,:k17 oldestlatest\n") }),
  fc.string({ unit: codePoint }),
  fc.anything(),
);

const badCursor = { name: "HoldfastError", code: "bad_cursor" };

function outcomeOf(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
}

describe("a cursor", () => {
  test("[CUR-1] parses back to what was formatted", () => {
    fc.assert(fc.property(cursors, (cursor) => assert.deepEqual(parseCursor(formatCursor(cursor)), cursor)));
  });

  test("[CUR-1] has one spelling: what parses formats back to the same text", () => {
    fc.assert(
      fc.property(junk, (text) => {
        const cursor = outcomeOf(() => parseCursor(text));
        if (cursor !== "bad_cursor") assert.equal(formatCursor(cursor as Cursor), text);
      }),
    );
  });

  const accepted = ["a-0", "k3v9x2a-17", `${"z".repeat(24)}-1`, "0-9007199254740991", "00-10"];
  for (const text of accepted)
    test(`[CUR-1] ${text} is taken`, () => assert.equal(formatCursor(parseCursor(text)), text));

  const refused: [why: string, text: unknown][] = [
    ["nothing", ""],
    ["an empty epoch", "-17"],
    ["no offset", "k3v9x2a-"],
    ["no dash", "k3v9x2a17"],
    ["two dashes", "k3v9-x2a-17"],
    ["a negative offset", "k3v9x2a--1"],
    ["a leading zero", "k3v9x2a-017"],
    ["an offset of 2^53", "k3v9x2a-9007199254740992"],
    ["an offset of 17 digits", "k3v9x2a-10000000000000000"],
    ["an exponent", "k3v9x2a-1e3"],
    ["a fraction", "k3v9x2a-1.0"],
    ["a capital letter", "K3v9x2a-17"],
    ["an epoch of 25 letters", `${"z".repeat(25)}-1`],
    ["a space before", " k3v9x2a-17"],
    ["a line break after", "k3v9x2a-17\n"],
    ["digits of another script", "k3v9x2a-١٧"],
    ["a position", "latest"],
    ["a number", 17],
    ["null", null],
    ["an object", { epoch: "k3v9x2a", offset: 17 }],
    ["a list that prints as a cursor", ["k3v9x2a-17"]],
  ];
  for (const [why, text] of refused) {
    test(`[CUR-1] ${why} is refused`, () => assert.throws(() => parseCursor(text), badCursor));
  }

  test("equals another only in the same epoch", () => {
    assert.equal(sameCursor({ epoch: "a", offset: 1 }, { epoch: "a", offset: 1 }), true);
    assert.equal(sameCursor({ epoch: "a", offset: 1 }, { epoch: "b", offset: 1 }), false);
    assert.equal(sameCursor({ epoch: "a", offset: 1 }, { epoch: "a", offset: 2 }), false);
  });
});

describe("a position", () => {
  test("[READ-2] is a cursor, oldest or latest, and formats back to its text", () => {
    for (const text of ["oldest", "latest", "k3v9x2a-17"]) {
      assert.equal(formatPosition(parsePosition(text)), text);
    }
  });

  test("[CUR-1] is refused otherwise, with the words that are allowed", () => {
    for (const text of ["", "Latest", "newest", "17", null, 0]) {
      assert.throws(() => parsePosition(text), { ...badCursor, message: /"oldest" or "latest"/ });
    }
  });
});

describe("a compound cursor", () => {
  test("[CUR-4] parses back to what was formatted", () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const cursorsByChannel = new Map(list);
        assert.deepEqual(parseCompoundCursor(formatCompoundCursor(cursorsByChannel)), cursorsByChannel);
      }),
    );
  });

  test("[CUR-4] names the event's own channel first, and says the same", () => {
    const withFirst = pairs.chain((list) => fc.tuple(fc.constant(list), fc.constantFrom(...list)));
    fc.assert(
      fc.property(withFirst, ([list, [first]]) => {
        const text = formatCompoundCursor(new Map(list), first);
        const parsed = parseCompoundCursor(text);
        assert.equal([...parsed.keys()][0], first);
        assert.deepEqual(parsed, new Map(list));
        assert.equal(text.split(",").length, list.length);
      }),
    );
  });

  test("[CUR-4] is not led by a channel that it does not hold", () => {
    const held = new Map([["orders", { epoch: "k", offset: 1 }]]);
    assert.equal(formatCompoundCursor(held, "chat"), "orders=k-1");
  });

  const refused: [why: string, text: unknown][] = [
    ["nothing", ""],
    ["a bare cursor", "k3v9x2a-17"],
    ["a channel named twice", "orders=k-1,orders=k-1"],
    ["a trailing comma", "orders=k-1,"],
    ["a leading comma", ",orders=k-1"],
    ["a space after the comma", "orders=k-1, chat=k-2"],
    ["an illegal channel", "or/ders=k-1"],
    ["an empty channel", "=k-1"],
    ["a malformed cursor", "orders=k-01"],
    ["a position instead of a cursor", "orders=latest"],
    ["two equals signs", "orders==k-1"],
    ["what is not text", ["orders=k-1"]],
  ];
  for (const [why, text] of refused) {
    test(`[CUR-4] ${why} is refused`, () => assert.throws(() => parseCompoundCursor(text), badCursor));
  }

  test("[CUR-4] names like those of Object.prototype are channels like any other", () => {
    const text = "__proto__=k-1,constructor=k-2";
    assert.equal(formatCompoundCursor(parseCompoundCursor(text)), text);
  });
});

test("[CUR-1] [CUR-4] junk is refused with bad_cursor and nothing else", () => {
  const parsers = [parseCursor, parsePosition, parseCompoundCursor];
  fc.assert(
    fc.property(junk, fc.constantFrom(...parsers), (text, parse) => {
      const outcome = outcomeOf(() => parse(text));
      assert.ok(outcome === "bad_cursor" || typeof text === "string");
    }),
    { numRuns: 1000 },
  );
});
