import assert from "node:assert/strict";
import { test } from "node:test";
import {
  endHeaders,
  endStream,
  frame2,
  frameType,
  type Http2Attack,
  header,
  headersOf,
  http2Attack,
  preface,
  reactionOn,
} from "./http2-attack.ts";
import { type Attack, besiege, Siege } from "./siege.ts";
import { soon } from "./target.ts";

const { data, headers, priority, reset, settings, pushPromise, ping, windowUpdate, continuation } = frameType;
const whole = endStream | endHeaders;
const odd = (count: number) => Array.from({ length: count }, (_, n) => 2 * n + 1);
const four = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
/** RFC 9113 §7. */
const protocolError = 1;
const internalError = 2;
const flowControlError = 3;
const streamClosed = 5;
const frameSizeError = 6;
const compressionError = 9;
const calm = 11;
const broken = {
  goAway: [
    protocolError,
    internalError,
    frameSizeError,
    flowControlError,
    streamClosed,
    compressionError,
    calm,
  ],
};
const refusedStream = { reset: [protocolError, 7, calm, internalError] };
const post = (channel: string, ...more: (readonly [string, string])[]) =>
  headersOf(`/channels/${channel}`, "POST", [["content-type", "text/plain"], ...more]);

/** What keeps a server busy for a moment, in which it is late for others. */
const storms: readonly Http2Attack[] = [
  {
    name: "streams that are begun and taken back, thousands of them",
    sends: () =>
      odd(3000).flatMap((stream) => [
        frame2(headers, whole, stream, headersOf("/channels/a")),
        frame2(reset, 0, stream, four(8)),
      ]),
    ends: broken,
  },
  {
    name: "settings without end",
    sends: () => [Buffer.concat(Array(20_000).fill(frame2(settings, 0, 0)))],
    ends: broken,
  },
  {
    name: "headers that go on without end",
    sends: () => [
      frame2(headers, endStream, 1, headersOf("/channels/a")),
      ...Array(2000).fill(frame2(continuation, 0, 1, header("x", "y".repeat(100)))),
    ],
    ends: broken,
  },
  {
    name: "headers that go on in empty parts without end",
    sends: () => [
      frame2(headers, endStream, 1, headersOf("/channels/a")),
      ...Array(5000).fill(frame2(continuation, 0, 1)),
    ],
    ends: broken,
  },
];

const attacks: readonly Http2Attack[] = [
  {
    name: "a few bytes that stand for many headers",
    sends: () => [
      frame2(
        headers,
        whole,
        1,
        Buffer.concat([
          headersOf("/channels/a"),
          header("x", "y".repeat(3500), { kept: true }),
          Buffer.alloc(4000, 0xbe),
        ]),
      ),
    ],
    ends: { reset: [protocolError, internalError, calm] },
  },
  {
    name: "more headers than are looked at",
    sends: () => [frame2(headers, whole, 1, headersOf("/channels/a", "GET", Array(200).fill(["x", ""])))],
    ends: { reset: [protocolError, internalError, calm] },
  },
  {
    name: "a header that refers to nothing",
    sends: () => [frame2(headers, whole, 1, Buffer.of(0xff, 0xff, 0xff, 0x7f))],
    ends: broken,
  },
  { name: "a frame of 16 MB", sends: () => [Buffer.from("ffffff000000000001", "hex")], ends: broken },
  {
    name: "data on a stream that nobody began",
    sends: () => [frame2(data, 0, 1, Buffer.from("x"))],
    ends: broken,
  },
  { name: "a continuation of nothing", sends: () => [frame2(continuation, endHeaders, 1)], ends: broken },
  {
    name: "headers inside other headers",
    sends: () => [frame2(headers, 0, 1, headersOf("/channels/a")), frame2(ping, 0, 0, Buffer.alloc(8))],
    ends: broken,
  },
  {
    name: "a stream of the server's own",
    sends: () => [frame2(headers, whole, 2, headersOf("/channels/a"))],
    ends: broken,
  },
  {
    name: "a promise of a client",
    sends: () => [frame2(pushPromise, endHeaders, 1, Buffer.concat([four(2), headersOf("/")]))],
    ends: broken,
  },
  {
    name: "a window that overflows",
    sends: () => [frame2(windowUpdate, 0, 0, four(0x7fffffff))],
    ends: broken,
  },
  { name: "a window of nothing", sends: () => [frame2(windowUpdate, 0, 0, four(0))], ends: broken },
  { name: "a ping of nine bytes", sends: () => [frame2(ping, 0, 0, Buffer.alloc(9))], ends: broken },
  {
    name: "a stream that depends on itself",
    sends: () => [frame2(priority, 0, 1, Buffer.concat([four(1), Buffer.of(0)])), frame2(data, 0, 1)],
    ends: broken,
  },
  ...(
    [
      ["a name in capitals", ["X-A", "b"]],
      ["a connection's own header", ["connection", "close"]],
      ["chunks", ["transfer-encoding", "chunked"]],
      ["a pseudo-header behind others", [":path", "/channels/b"]],
      ["a pseudo-header of its own", [":x", "y"]],
      ["trailers that are no wish for them", ["te", "gzip"]],
    ] as const
  ).map(([what, [name, value]]) => ({
    name: `${what} among the headers`,
    sends: (channel: string) => [
      frame2(headers, endHeaders, 1, post(channel, ["x", ""], [name, value])),
      frame2(data, endStream, 1, Buffer.from("hello")),
    ],
    ends: { reset: [protocolError] },
  })),
  ...["a\r\nevent-type: end", "a\0b"].map((value) => ({
    name: `the value ${JSON.stringify(value)} of a header, which is left out`,
    sends: () => [frame2(headers, whole, 1, headersOf("/channels/%00", "GET", [["x", value]]))],
    ends: { code: "bad_channel" },
  })),
  {
    name: "a body that is shorter than it says",
    sends: (channel) => [
      frame2(headers, endHeaders, 1, post(channel, ["content-length", "50"])),
      frame2(data, endStream, 1, Buffer.from("hello")),
    ],
    ends: { reset: [protocolError] },
  },
  {
    name: "a body that is longer than it says",
    sends: (channel) => [
      frame2(headers, endHeaders, 1, post(channel, ["content-length", "2"])),
      frame2(data, endStream, 1, Buffer.from("hello")),
    ],
    ends: broken,
  },
  {
    name: "a request without a path",
    sends: () => [
      frame2(headers, whole, 1, Buffer.concat([header(":method", "GET"), header(":scheme", "https")])),
    ],
    ends: refusedStream,
  },
  {
    name: "a path that is none",
    sends: () => [frame2(headers, whole, 1, headersOf("channels/a"))],
    ends: { reset: [protocolError] },
  },
  {
    name: "a name that was rebound to this machine",
    sends: () => [
      frame2(
        headers,
        whole,
        1,
        Buffer.concat([
          header(":method", "GET"),
          header(":scheme", "https"),
          header(":authority", "elsewhere.example"),
          header(":path", "/channels/a"),
        ]),
      ),
    ],
    ends: { code: "forbidden" },
  },
  {
    name: "a proxy's own method",
    sends: () => [
      frame2(
        headers,
        endHeaders,
        1,
        Buffer.concat([header(":method", "CONNECT"), header(":authority", "localhost:80")]),
      ),
    ],
    ends: { code: "method_not_allowed" },
  },
  {
    name: "a body that never comes",
    sends: (channel) => [frame2(headers, endHeaders, 1, post(channel, ["content-length", "50"]))],
    ends: { code: "timed_out" },
  },
  {
    name: "a body without end",
    sends: (channel) => [
      frame2(headers, endHeaders, 1, post(channel)),
      ...Array(5).fill(frame2(data, 0, 1, Buffer.alloc(16_000, "x"))),
    ],
    ends: { code: "too_large" },
  },
];

const floods: readonly Attack[] = [
  {
    name: "pings without end, whose answers nobody reads",
    async run(attacker) {
      const wire = attacker.wire({ protocol: "h2" }).send(preface());
      wire.socket.pause();
      const pings = Buffer.concat(Array(5000).fill(frame2(ping, 0, 0, Buffer.alloc(8))));
      await soon("its end", async () => {
        if (wire.socket.writable && wire.socket.writableLength === 0) wire.send(pings);
        return wire.isClosed || (await attacker.target.held()).connections <= 4;
      });
    },
  },
  {
    name: "answers that nobody has a window for",
    async run(attacker) {
      // SETTINGS_INITIAL_WINDOW_SIZE: 0.
      const wire = attacker.wire({ protocol: "h2" }).send(preface([4, 0]));
      for (const stream of odd(100))
        wire.send(frame2(headers, whole, stream, headersOf("/channels/healthy?limit=1000")));
      // Each is given up by itself, and the connection stays.
      await soon("their end", () => reactionOn(wire).resets.length === 100 || wire.isClosed);
      wire.send(frame2(ping, 0, 0, Buffer.alloc(8)));
      assert.equal(reactionOn(wire).goAway, undefined);
    },
  },
  {
    name: "headers that never come to an end",
    async run(attacker) {
      const wire = attacker.wire({ protocol: "h2" }).send(preface());
      wire.send(frame2(headers, endStream, 1, headersOf("/channels/a")));
      await soon("its end", () => wire.isClosed || reactionOn(wire).goAway !== undefined);
    },
  },
  {
    name: "a connection on which nothing is asked",
    async run(attacker) {
      const wire = attacker.wire({ protocol: "h2" }).send(preface());
      await soon("its end", () => wire.isClosed || reactionOn(wire).goAway !== undefined);
    },
  },
  {
    name: "a connection without a preface",
    async run(attacker) {
      const wire = attacker.wire({ protocol: "h2" });
      await soon("its end", () => wire.isClosed);
    },
  },
];

test("[ERR-2] [BND-2] [POST-3] a server withstands what HTTP/2 makes possible", {
  concurrency: true,
}, async (t) => {
  const siege = await Siege.lay(t, "secure");
  await besiege(t, siege, [...storms, ...storms].map(http2Attack), { atOnce: 8 });
  await besiege(t, siege, attacks.map(http2Attack), { atOnce: 8 });
  await besiege(t, siege, floods);
});
