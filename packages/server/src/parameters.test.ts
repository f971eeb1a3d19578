import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseParameters, seconds, splitQuery, startOf, wholeNumber } from "./parameters.ts";

const names = ["after", "last", "limit", "wait"] as const;

test("[JSON-5] known parameters are read once each, in any order and encoding", () => {
  assert.deepEqual(parseParameters("", names), {});
  assert.deepEqual(parseParameters("wait=2&after=k%2D1", names), { wait: "2", after: "k-1" });
  assert.deepEqual(parseParameters("%61fter=a+b&&last", names), { after: "a b", last: "" });
  for (const query of [
    "x=1",
    "After=1",
    "limit=1&limit=1",
    "limit=1&limi%74=2",
    "=1",
    "__proto__=1",
    "toString=1",
  ]) {
    assert.throws(() => parseParameters(query, names), { code: "bad_parameter" }, query);
  }
});

test("[ERR-2] a broken percent-encoding is a bad request, wherever it stands", () => {
  for (const query of ["after=%", "after=%4", "after=%zz", "%ff=1", "after=%c3%28", "x=1&y=%"]) {
    assert.throws(() => splitQuery(query), { code: "bad_request" }, query);
  }
});

test("[JSON-5] numbers are whole, in range, and written in one way", () => {
  assert.equal(wholeNumber("limit", "1000", 1, 1000), 1000);
  for (const text of ["0", "1001", "01", "1.0", "1e2", "-1", "+1", " 1", "", "٣", "9".repeat(20), "NaN"]) {
    assert.throws(() => wholeNumber("limit", text, 1, 1000), { code: "bad_parameter" }, text);
  }
  assert.deepEqual(
    ["0", "25", "0.5", "60.000", "1.234"].map((text) => seconds("wait", text, 60_000)),
    [0, 25_000, 500, 60_000, 1234],
  );
  for (const text of ["60.001", "61", ".5", "5.", "1e1", "-1", "", "Infinity", "0.0001"]) {
    assert.throws(() => seconds("wait", text, 60_000), { code: "bad_parameter" }, text);
  }
});

test("[READ-2] after or last, not both", () => {
  assert.deepEqual(startOf({}), { after: "latest" });
  assert.deepEqual(startOf({ after: "oldest" }), { after: "oldest" });
  assert.deepEqual(startOf({ after: "k-7" }), { after: { epoch: "k", offset: 7 } });
  assert.deepEqual(startOf({ last: "7" }), { last: 7 });
  assert.throws(() => startOf({ after: "k-7", last: "7" }), { code: "bad_parameter" });
  assert.throws(() => startOf({ after: "" }), { code: "bad_cursor" });
});

test("[ERR-2] whatever the query, it is read or refused with a code", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("&", "=", "%", "%41", "after", "last", "limit", "+", "k-1", "oldest"),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      try {
        const { after, last } = parseParameters(pieces.join(""), names);
        startOf({ ...(after === undefined ? {} : { after }), ...(last === undefined ? {} : { last }) });
      } catch (error) {
        assert.match(String((error as { code?: string }).code), /^bad_(?:parameter|request|cursor)$/);
      }
    }),
  );
});

test("[JSON-5] what an encoder wrote is read as it was", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string())), (pairs) => {
      const wellFormed = pairs.filter((pair) => pair.every((text) => text.isWellFormed()));
      assert.deepEqual(splitQuery(new URLSearchParams(wellFormed).toString()), wellFormed);
    }),
  );
});
