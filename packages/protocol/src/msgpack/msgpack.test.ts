import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { Decoder, encode } from "@msgpack/msgpack";
import fc from "fast-check";
import { vectors } from "../vectors/index.ts";
import { depthMax, readMessage } from "./reader.ts";
import { Writer } from "./writer.ts";

// The library is the other side here: what one writes the other reads.

function write(value: unknown): Uint8Array {
  const writer = new Writer();
  writer.value(value);
  return writer.copy();
}

function read(bytes: Uint8Array): unknown {
  return new Decoder().decode(bytes);
}

const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((one) => Math.abs(one) < 2 ** 53),
  fc.constantFrom(
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    -32,
    -33,
    -128,
    -129,
    -(2 ** 31) - 1,
  ),
);
const text = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
  fc.nat(300).map((length) => "ż".repeat(length)),
);
const bytes = fc.oneof(
  fc.uint8Array(),
  fc.nat(300).map((length) => new Uint8Array(length).fill(7)),
);
const key = fc.string({ unit: "grapheme" }).filter((name) => name !== "__proto__");
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(number, text, bytes, fc.boolean(), fc.constant(null)),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(key, tie("value"), { maxKeys: 20, noNullPrototype: true }),
  ),
}));
const message = fc.dictionary(key, value, { maxKeys: 20, noNullPrototype: true });

/** A library may write -0 as it likes. */
function plain(one: unknown): unknown {
  return Object.is(one, -0) ? 0 : one;
}

function refuses(input: Uint8Array, code = "bad_message"): void {
  assert.throws(() => readMessage(input), { name: "HoldfastError", code });
}

describe("MessagePack", () => {
  test("[PACK-4] another library reads what is written, and it is no longer than its own", () => {
    fc.assert(
      fc.property(message, (one) => {
        const written = write(one);
        assert.deepEqual(normal(read(written)), normal(one));
        assert.ok(written.length <= encode(one).length);
      }),
      { numRuns: 200 },
    );
  });

  test("[PACK-3] what another library writes is read", () => {
    fc.assert(
      fc.property(message, fc.boolean(), (one, forceFloat32) => {
        const written = encode(one, { forceFloat32 });
        assert.deepEqual(normal(readMessage(written)), normal(read(written)));
      }),
      { numRuns: 200 },
    );
  });

  test("[PACK-3] texts and bytes of every length class go through", () => {
    for (const length of [0, 1, 23, 24, 25, 31, 32, 255, 256, 65_535, 65_536, 300_000]) {
      for (const one of ["a".repeat(length), "ż".repeat(length), new Uint8Array(length).fill(1)]) {
        assert.deepEqual(readMessage(write({ one })), { one });
      }
      const list = new Array<number>(length).fill(0);
      assert.deepEqual(readMessage(write({ list })), { list });
    }
    const wide = Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`k${index}`, index]));
    assert.deepEqual(readMessage(write(wide)), wide);
  });

  test("[PACK-3] a channel may be named like the prototype of a map", () => {
    const heads = JSON.parse('{"__proto__":"k-1","constructor":"k-2"}') as object;
    const again = readMessage(write({ heads })).heads as object;
    assert.deepEqual(Object.entries(again), Object.entries(heads));
    assert.equal(Object.getPrototypeOf(again), Object.prototype);
    const twice = Buffer.concat([
      Uint8Array.of(0x82),
      write("__proto__"),
      write(1),
      write("__proto__"),
      write(2),
    ]);
    refuses(twice);
  });

  test("[PACK-1] a message that is cut anywhere is refused, and so is one with more behind it", () => {
    for (const { hex } of [...vectors.msgpackServerMessages, ...vectors.msgpackEvents]) {
      const whole = Buffer.from(hex, "hex");
      for (let length = 0; length < whole.length; length++) refuses(whole.subarray(0, length));
      refuses(Buffer.concat([whole, Uint8Array.of(0xc0)]));
    }
  });

  test("[PACK-3] depth costs nothing but a refusal", () => {
    const nested = (depth: number) =>
      Buffer.concat([
        Uint8Array.of(0x81),
        write("x"),
        new Uint8Array(depth - 2).fill(0x91),
        Uint8Array.of(0x90),
      ]);
    assert.ok(readMessage(nested(depthMax)));
    refuses(nested(depthMax + 1));
    refuses(nested(1_000_000));
  });

  test("[PACK-3] [ERR-2] a count that lies makes no room", () => {
    for (const tag of [0xc6, 0xdb, 0xdd, 0xdf]) {
      refuses(
        Buffer.concat([Uint8Array.of(0x81), write("x"), Uint8Array.of(tag, 0xff, 0xff, 0xff, 0xff, 0)]),
      );
    }
  });

  test("[PACK-3] [EVT-3] a text that is not UTF-8 is refused, never repaired", () => {
    for (const length of [2, 40]) {
      const broken = write({ x: "a".repeat(length) });
      refuses(broken.with(broken.length - 1, 0xff), "bad_utf8");
    }
  });

  test("[BND] bytes that are read are a copy, which does not hold the message", () => {
    const whole = write({ data: Uint8Array.of(1, 2), more: "a".repeat(1000) });
    const { data } = readMessage(whole) as { data: Uint8Array };
    assert.equal(data.buffer.byteLength, 2);
  });

  test("[BND] what is written is a copy, and a large message leaves no large room behind", () => {
    const writer = new Writer();
    writer.bytes(new Uint8Array(1_000_000));
    const large = writer.copy();
    writer.clear();
    writer.number(5);
    const small = writer.copy();
    assert.deepEqual([large.length, [...small]], [1_000_005, [5]]);
    assert.equal(small.buffer.byteLength, 1);
  });
});

/** What both sides agree on: neither keeps the sign of nothing. */
function normal(one: unknown): unknown {
  if (one instanceof Uint8Array) return new Uint8Array(one);
  if (Array.isArray(one)) return one.map(normal);
  if (typeof one !== "object" || one === null) return plain(one);
  return Object.fromEntries(Object.entries(one).map(([name, member]) => [name, normal(member)]));
}
