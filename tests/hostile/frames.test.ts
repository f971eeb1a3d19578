import { test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { besiege, Siege } from "./siege.ts";
import { fin, frame, opcode, rsv1, type SocketAttack, socketAttack, text } from "./socket-attack.ts";

const broken = [1002, "bad_message"] as const;
const notUtf8 = [1007, "bad_utf8"] as const;
const tooLarge = [1009, "too_large"] as const;
const hello = '{"type":"hello"}';

const lineBreaks = "x\r\nSet-Cookie: y=z\r\n\r\n";

function closing(code: number, reason: string | Uint8Array = ""): Buffer {
  const bytes = Buffer.from(reason);
  const payload = Buffer.alloc(2 + bytes.length);
  payload.writeUInt16BE(code);
  bytes.copy(payload, 2);
  return frame(fin | opcode.close, payload);
}

const frames: readonly (readonly [name: string, ends: SocketAttack["ends"], ...frames: Uint8Array[]])[] = [
  ["an unmasked frame", broken, frame(fin | opcode.text, hello, { masked: false })],
  ["the first reserved bit", broken, frame(fin | rsv1 | opcode.text, hello)],
  ["the second reserved bit", broken, frame(fin | 0x20 | opcode.text, hello)],
  ["the third reserved bit", broken, frame(fin | 0x10 | opcode.text, hello)],
  ["a reserved kind of data", broken, frame(fin | 0x3, hello)],
  ["a reserved kind of control", broken, frame(fin | 0xb)],
  ["a continuation of nothing", broken, frame(fin | opcode.continuation, hello)],
  ["a message inside another", broken, frame(opcode.text, "{"), frame(fin | opcode.text, hello)],
  ["a ping in two parts", broken, frame(opcode.ping, "x")],
  ["a ping of 126 bytes", broken, frame(fin | opcode.ping, Buffer.alloc(126))],
  ["a ping with a length of 64 bits", broken, frame(fin | opcode.ping, "", { length: 65_536n })],
  ["a close of one byte", broken, frame(fin | opcode.close, "x")],
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_535].map(
    (code) => [`a close with the code ${code}`, broken, closing(code)] as const,
  ),
  ["a close whose reason is no UTF-8", notUtf8, closing(1000, Uint8Array.of(0xc3, 0x28))],
  ["a close whose reason has line breaks", [1000, lineBreaks], closing(1000, lineBreaks)],
  ["text that is no UTF-8", notUtf8, text(Uint8Array.of(0xc3, 0x28))],
  ["text with an overlong slash", notUtf8, text(Uint8Array.of(0x22, 0xc0, 0xaf, 0x22))],
  ["text with a coded surrogate", notUtf8, text(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))],
  [
    "text that is no UTF-8 across two parts",
    notUtf8,
    frame(opcode.text, Uint8Array.of(0x22, 0xe2, 0x82)),
    frame(fin | opcode.continuation, Uint8Array.of(0x28, 0x22)),
  ],
  ["a message that is too long", tooLarge, text(Buffer.alloc(64 * 1024 + 1, 0x20))],
  ["a length of 2^62", tooLarge, frame(fin | opcode.text, "", { length: 1n << 62n })],
  ["a length with the highest bit", tooLarge, frame(fin | opcode.text, "", { length: 1n << 63n })],
  [
    "a message that grows too long in parts",
    tooLarge,
    frame(opcode.text, Buffer.alloc(40_000, 0x20)),
    frame(opcode.continuation, Buffer.alloc(40_000, 0x20)),
  ],
  [
    "a message of empty parts without end",
    tooLarge,
    frame(opcode.text),
    Buffer.concat(Array(20_000).fill(frame(opcode.continuation))),
  ],
  [
    "a message of tiny parts without end",
    tooLarge,
    frame(opcode.text),
    Buffer.concat(Array(20_000).fill(frame(opcode.continuation, " "))),
  ],
];

function on(path: string): readonly SocketAttack[] {
  return frames.map(([name, ends, ...sends]) => ({
    name: `${name} on ${path}`,
    path,
    ends,
    sends: () => sends,
  }));
}

for (const [bed, attacks] of [
  ["plain", [...on("/connect"), ...on("/channels/a")]],
  ["secure", on("/connect")],
  ["attached", on("/channels/a")],
] as const) {
  test(`[ERR-1] [ERR-2] a server withstands frames that break RFC 6455: ${bed}`, {
    concurrency: true,
  }, async (t) => {
    const siege = await Siege.lay(t, bed);
    await besiege(t, siege, attacks.map(socketAttack), { atOnce: 16 });
  });
}

/** A message as a client deflates it. RFC 7692 §7.2.1. */
function deflated(bytes: Uint8Array, dictionary?: Uint8Array): Buffer {
  const { Z_SYNC_FLUSH: finishFlush } = constants;
  const options = { finishFlush, level: 9, ...(dictionary === undefined ? {} : { dictionary }) };
  return deflateRawSync(bytes, options).subarray(0, -4);
}

const bomb = deflated(Buffer.alloc(100 * 1024 * 1024, 0x20));
const halves = [bomb.subarray(0, bomb.length / 2), bomb.subarray(bomb.length / 2)] as const;
const inflating: readonly (readonly [name: string, ends: SocketAttack["ends"], ...frames: Uint8Array[]])[] = [
  ["100 MB in 100 KB", tooLarge, frame(fin | rsv1 | opcode.text, bomb)],
  [
    "one byte too many",
    tooLarge,
    frame(fin | rsv1 | opcode.text, deflated(Buffer.alloc(64 * 1024 + 1, 0x20))),
  ],
  [
    "a bomb in parts",
    tooLarge,
    frame(rsv1 | opcode.text, halves[0].subarray(0, 30_000)),
    frame(fin | opcode.continuation, halves[0].subarray(30_000, 60_000)),
  ],
  [
    "a bomb of many tiny parts",
    tooLarge,
    frame(rsv1 | opcode.text, deflated(Buffer.from(hello))),
    Buffer.concat(Array(20_000).fill(frame(opcode.continuation))),
  ],
  ["bytes that are not deflated", broken, frame(fin | rsv1 | opcode.text, "\xff\xff\xff\xff\xff")],
  [
    "the bit of compression in a later part",
    broken,
    frame(opcode.text, "{"),
    frame(fin | rsv1 | opcode.continuation, "}"),
  ],
  ["the bit of compression on a ping", broken, frame(fin | rsv1 | opcode.ping, "x")],
  [
    "what an earlier message would have to tell",
    broken,
    frame(fin | rsv1 | opcode.text, deflated(Buffer.from(hello), Buffer.from(hello))),
  ],
];

test("[ZIP-5] [ZIP-6] [ERR-2] a server withstands compression bombs", { concurrency: true }, async (t) => {
  const siege = await Siege.lay(t, "plain", { compression: true });
  const headers = ["Sec-WebSocket-Extensions: permessage-deflate"];
  const attacks = ["/connect", "/channels/a"].flatMap((path) =>
    inflating.map(([name, ends, ...sends]) => ({
      name: `${name} on ${path}`,
      path,
      headers,
      ends,
      sends: () => sends,
    })),
  );
  await besiege(t, siege, attacks.map(socketAttack), { atOnce: 3 });
});
