import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import test, { describe } from "node:test";
import fc from "fast-check";
import { encodeUtf8 } from "./bytes.ts";
import { nestingMax } from "./nesting.ts";
import { decodePayload, jsonPayload, payloadBytes, payloadValue, textPayload, toPayload } from "./payload.ts";

/** Without backslashes: V8 can take a name for an earlier one that holds one (nodejs/node#63785). */
const json = fc.json({
  stringUnit: fc.string({ minLength: 1, maxLength: 1 }).filter((char) => char !== "\\"),
});

describe("JSON", () => {
  test("[EVT-1] is carried as it was published: numbers, names and spaces are not rewritten", () => {
    for (const text of [
      "12345678901234567890",
      "1.0",
      "-0",
      '{"b":1,"a":2,"a":3}',
      '{ "2": 1, "1": 2 }',
      '"\\u0041"',
    ]) {
      assert.deepEqual(jsonPayload(text), { encoding: "json", text });
    }
  });

  test("[EVT-1] line breaks between tokens become spaces, so that no line of SSE or NDJSON ends", () => {
    assert.deepEqual(jsonPayload('{\r\n  "a":\r[1,\n\n2]\n}\n'), {
      encoding: "json",
      text: '{   "a": [1, 2] } ',
    });
  });

  test("[EVT-1] U+2028, U+2029 and U+0085 are no line breaks: they stay inside strings", () => {
    const text = '"a\u2028b\u2029c\u0085d"';
    assert.deepEqual(jsonPayload(text), { encoding: "json", text });
  });

  test("[EVT-1] any JSON keeps its value and gets no line break", () => {
    fc.assert(
      fc.property(json, fc.integer({ min: 0, max: 4 }), (text, indent) => {
        const payload = jsonPayload(JSON.stringify(JSON.parse(text), undefined, indent));
        assert.equal(payload.encoding === "json" && /[\r\n]/.test(payload.text), false);
        assert.deepEqual(payloadValue(payload), JSON.parse(text));
      }),
    );
  });

  test("[EVT-1] what is not JSON is refused", () => {
    for (const text of ["", "{", "undefined", "[1,]", '"a\nb"', "\ufeff1", "1 2"]) {
      assert.throws(() => jsonPayload(text), { name: "HoldfastError", code: "bad_json" });
    }
  });

  test("[EVT-4] nested too deep it is refused, as text and as a value", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    const deepest = nested(nestingMax);
    assert.deepEqual(jsonPayload(deepest), { encoding: "json", text: deepest });
    assert.deepEqual(toPayload(JSON.parse(deepest)), { encoding: "json", text: deepest });
    const refused = { name: "HoldfastError", code: "bad_event" };
    for (const depth of [nestingMax + 1, 1000, 1_000_000])
      assert.throws(() => jsonPayload(nested(depth)), refused);
    assert.throws(() => toPayload(JSON.parse(nested(nestingMax + 1))), refused);
    // JSON.stringify recurses, and throws of its own.
    assert.throws(() => toPayload(JSON.parse(nested(1_000_000))), refused);
    // Text that is never closed is no JSON first of all.
    assert.throws(() => jsonPayload("[".repeat(1_000_000)), { name: "HoldfastError", code: "bad_json" });
  });
});

describe("a value", () => {
  test("[EVT-1] is taken as JSON, a string included", () => {
    assert.deepEqual(toPayload({ total: 42 }), { encoding: "json", text: '{"total":42}' });
    assert.deepEqual(toPayload("text"), { encoding: "json", text: '"text"' });
    assert.deepEqual(toPayload(null), { encoding: "json", text: "null" });
  });

  test("[EVT-1] of any buffer or view is taken as its bytes", () => {
    const { buffer } = Uint8Array.of(0, 1, 2, 3, 4, 5);
    const samples: [unknown, number[]][] = [
      [buffer, [0, 1, 2, 3, 4, 5]],
      [new Uint8Array(buffer, 1, 2), [1, 2]],
      [new DataView(buffer, 2, 3), [2, 3, 4]],
      [new Uint16Array(buffer, 4, 1), [4, 5]],
      [Buffer.from("ab"), [97, 98]],
    ];
    for (const [data, bytes] of samples) {
      const payload = toPayload(data);
      assert.equal(payload.encoding, "base64");
      if (payload.encoding === "base64") assert.deepEqual([...payload.bytes], bytes);
    }
  });

  test("[EVT-1] that JSON cannot say is refused", () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const data of [undefined, () => 1, Symbol("a"), 10n, { big: 10n }, cyclic]) {
      assert.throws(() => toPayload(data), { name: "HoldfastError", code: "bad_event" });
    }
  });

  test("[EVT-3] half a surrogate pair is escaped in JSON, and refused in text", () => {
    assert.deepEqual(toPayload("\ud83d"), { encoding: "json", text: String.raw`"\ud83d"` });
    for (const take of [textPayload, (text: string) => jsonPayload(`"${text}"`)]) {
      assert.throws(() => take("a\ud83d"), { name: "HoldfastError", code: "bad_utf8" });
      assert.throws(() => take("\ude00b"), { name: "HoldfastError", code: "bad_utf8" });
      take("\ud83d\ude00");
    }
  });
});

describe("bytes of a request", () => {
  test("[EVT-1] become the kind that was named", () => {
    const bytes = encodeUtf8('{"a":\n"ż"}');
    assert.deepEqual(decodePayload("json", bytes), { encoding: "json", text: '{"a": "ż"}' });
    assert.deepEqual(decodePayload("text", bytes), { encoding: "text", text: '{"a":\n"ż"}' });
    assert.deepEqual(decodePayload("base64", bytes), { encoding: "base64", bytes });
  });

  test("[EVT-3] that are no UTF-8 are refused as text and as JSON, and pass as bytes", () => {
    const bytes = Uint8Array.of(0x22, 0xc3, 0x22);
    for (const encoding of ["json", "text"] as const) {
      assert.throws(() => decodePayload(encoding, bytes), { name: "HoldfastError", code: "bad_utf8" });
    }
    assert.deepEqual(decodePayload("base64", bytes), { encoding: "base64", bytes });
  });
});

test("[EVT-1] the value is what was published, in its kind", () => {
  const bytes = Uint8Array.of(0, 255);
  assert.deepEqual(payloadValue(jsonPayload("[1]")), [1]);
  assert.equal(payloadValue(textPayload("[1]")), "[1]");
  assert.equal(payloadValue(toPayload(bytes)), bytes);
});

test("a payload counts the bytes that it takes as UTF-8, or has", () => {
  assert.equal(payloadBytes(jsonPayload('"żółw 😀"')), 14);
  assert.equal(payloadBytes(textPayload("€€")), 6);
  assert.equal(payloadBytes(toPayload(new Uint8Array(7))), 7);
});
