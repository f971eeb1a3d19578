import assert from "node:assert/strict";
import { Buffer, isUtf8 } from "node:buffer";
import test, { describe } from "node:test";
import fc from "fast-check";
import { decodeBase64, decodeUtf8, encodeBase64, encodeUtf8, joinBytes, utf8Length } from "./bytes.ts";

/** Lone surrogates included. The library's own unit "binary" takes seconds to set up. */
const codePoint = fc.nat(0x10ffff).map((code) => String.fromCodePoint(code));
const bytes = fc.uint8Array({ size: "large" });

describe("base64", () => {
  test("[EVT-1] is encoded as Node's Buffer does it, and decodes back", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const text = encodeBase64(value);
        assert.equal(text, Buffer.from(value).toString("base64"));
        assert.deepEqual(decodeBase64(text), value);
      }),
    );
  });

  test("[EVT-1] is encoded alike on both sides of a slice", () => {
    for (const length of [0, 1, 2, 3, 8191, 8192, 8193, 16384, 24577]) {
      const value = Uint8Array.from({ length }, (_, at) => (at * 31) & 255);
      assert.equal(encodeBase64(value), Buffer.from(value).toString("base64"), `${length} bytes`);
    }
  });

  test("[EVT-1] is encoded from a view into the middle of a buffer", () => {
    const whole = encodeUtf8("abcdefgh");
    assert.equal(encodeBase64(whole.subarray(2, 5)), "Y2Rl");
  });

  test("[EVT-1] that is no padded base64 is refused, and all else decodes as Buffer does it", () => {
    const near = fc.string({ unit: fc.constantFrom(..."ABab09+/=== \n-_") });
    const grammar = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
    fc.assert(
      fc.property(near, (text) => {
        if (grammar.test(text))
          assert.deepEqual(decodeBase64(text), new Uint8Array(Buffer.from(text, "base64")));
        else assert.throws(() => decodeBase64(text), { name: "HoldfastError", code: "bad_event" });
      }),
      { numRuns: 2000 },
    );
  });

  for (const text of [
    "A",
    "AA",
    "AAA",
    "AA=",
    "A===",
    "====",
    "=AAA",
    "AA=A",
    "AA==AAAA",
    "AA==\n",
    "A-_A",
    "é===",
  ]) {
    test(`[EVT-1] ${JSON.stringify(text)} is refused`, () => {
      assert.throws(() => decodeBase64(text), { name: "HoldfastError", code: "bad_event" });
    });
  }

  test("[EVT-1] of many megabytes is checked without exhausting the stack", () => {
    const text = "QUJD".repeat(4 * 1024 * 1024);
    assert.equal(decodeBase64(text).length, 12 * 1024 * 1024);
    assert.throws(() => decodeBase64(`${text.slice(0, -1)}!`), { code: "bad_event" });
  });
});

describe("UTF-8", () => {
  test("[EVT-3] bytes are decoded exactly when they are UTF-8, and refused otherwise", () => {
    const lead = fc.constantFrom(
      0x41,
      0x7f,
      0x80,
      0xbf,
      0xc0,
      0xc2,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
      0xff,
    );
    const near = fc.array(fc.oneof(lead, fc.integer({ min: 0x80, max: 0xbf })), { maxLength: 6 });
    fc.assert(
      fc.property(
        near.map((list) => Uint8Array.from(list)),
        (value) => {
          if (isUtf8(value)) assert.deepEqual(encodeUtf8(decodeUtf8(value)), value);
          else assert.throws(() => decodeUtf8(value), { name: "HoldfastError", code: "bad_utf8" });
        },
      ),
      { numRuns: 2000 },
    );
  });

  const faults: [why: string, bytes: number[]][] = [
    ["a lone continuation byte", [0x80]],
    ["a sequence cut short", [0x61, 0xe2, 0x82]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["a surrogate", [0xed, 0xa0, 0x80]],
    ["a code point beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
    ["a byte that UTF-8 never uses", [0xff]],
  ];
  for (const [why, list] of faults) {
    test(`[EVT-3] ${why} is refused, and what comes next is not spoiled by it`, () => {
      assert.throws(() => decodeUtf8(Uint8Array.from(list)), { name: "HoldfastError", code: "bad_utf8" });
      assert.equal(decodeUtf8(encodeUtf8("żółw 😀")), "żółw 😀");
    });
  }

  test("[EVT-3] a byte order mark and a NUL are kept: nothing is repaired", () => {
    assert.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0)), "\ufeffa\0");
  });

  test("the length of text is that of its bytes", () => {
    const text = fc.oneof(
      fc.string({ unit: codePoint }),
      fc.string({ unit: fc.constantFrom("a", "é", "€", "\ud83d", "\ude00") }),
    );
    fc.assert(fc.property(text, (value) => utf8Length(value) === Buffer.byteLength(value)));
    for (const [char, length] of [
      ["\u007f", 1],
      ["\u0080", 2],
      ["\u07ff", 2],
      ["\u0800", 3],
      ["\uffff", 3],
    ] as const) {
      assert.equal(utf8Length(`é${char}`), 2 + length);
    }
  });
});

test("joined bytes are the parts in order, and no view of them", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (parts) => {
      assert.deepEqual(joinBytes(parts), new Uint8Array(Buffer.concat(parts)));
    }),
  );
  const only = encodeUtf8("a");
  assert.notEqual(joinBytes([only]).buffer, only.buffer);
});
