import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import {
  constants,
  crc32,
  deflateRawSync,
  gunzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import { type Bytes, type Cursor, encodeUtf8, type LogEvent } from "@holdfast/protocol";
import { Batch, EncodedEvent, Notice } from "./batch.ts";
import type { Compression } from "./compression.ts";
import { compoundSse, framings } from "./framings.ts";
import { gzipStreams, type StreamCoding, zstdStreams } from "./stream-coding.ts";

/** Compressors that count how often they are asked. */
function counting(thresholdBytes: number) {
  const asked = { count: 0 };
  const compression: Compression = {
    thresholdBytes,
    deflate(bytes) {
      asked.count++;
      return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH });
    },
    zstd(bytes) {
      asked.count++;
      return zstdCompressSync(bytes);
    },
    crc32: (bytes) => crc32(bytes),
  };
  return { asked, compression };
}

const long: LogEvent = {
  offset: 16,
  at: 5,
  payload: { encoding: "text", text: "again and again ".repeat(50) },
};
const short: LogEvent = { offset: 17, at: 6, payload: { encoding: "text", text: "once" } };

function batchOf(...events: LogEvent[]): Batch {
  const encoded = events.map((event) => new EncodedEvent("k", event));
  return new Batch("orders", "k", 15, 18, encoded);
}

/** What a chunked body says. */
function unchunk(bytes: Uint8Array): Buffer {
  const parts: Buffer[] = [];
  let rest = Buffer.from(bytes);
  while (rest.length > 0) {
    const end = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.toString("latin1", 0, end), 16);
    parts.push(rest.subarray(end + 2, end + 2 + size));
    rest = rest.subarray(end + 4 + size);
  }
  return Buffer.concat(parts);
}

for (const [name, make, decode] of [
  ["gzip", gzipStreams, gunzipSync],
  ["zstd", zstdStreams, zstdDecompressSync],
] as const) {
  describe(name, () => {
    /** A stream that is given these pieces and ends. */
    function whole(coding: StreamCoding, pieces: readonly Bytes[]): Buffer {
      const stream = coding.begin();
      for (const piece of pieces) stream.wrote(piece);
      return Buffer.concat([stream.head, ...pieces.map(unchunkIf), stream.tail()]);
    }
    const unchunkIf = (piece: Bytes) => piece;

    test("[ZIP-10] what is said is decoded to what the face says, and is whole when it ends", () => {
      const coding = make(counting(100).compression);
      for (const face of [framings.plainSse, framings.sessionSse]) {
        const batches = [batchOf(long), batchOf(short), batchOf(long, short)];
        const notice = new Notice({ type: "heartbeat", heads: { orders: "k-18" } });
        const framing = coding.framing(face, "whole");
        const pieces = [
          coding.encode(encodeUtf8("retry: 5\n\n"), "whole"),
          ...batches.map((batch) => batch.bytes(framing)),
          notice.bytes(framing) ?? assert.fail(),
        ];
        const said = ["retry: 5\n\n", ...batches.map((batch) => batch.bytes(face)), notice.bytes(face) ?? ""];
        assert.equal(String(decode(whole(coding, pieces))), said.map((one) => Buffer.from(one)).join(""));
      }
    });

    test("[ZIP-10] a batch is compressed once, whole and in a chunk, and what is short never", () => {
      const { asked, compression } = counting(100);
      const coding = make(compression);
      const batch = batchOf(long);
      const first = batch.bytes(coding.framing(framings.plainSse, "chunked"));
      assert.equal(batch.bytes(coding.framing(framings.plainSse, "chunked")), first);
      const piece = batch.bytes(coding.framing(framings.plainSse, "whole"));
      assert.ok(unchunk(first).equals(piece));
      assert.equal(asked.count, 1);
      batchOf(short).bytes(coding.framing(framings.plainSse, "whole"));
      assert.equal(asked.count, 1);
    });

    test("[ZIP-10] chunked or not, each stream ends with what it was given itself", () => {
      const coding = make(counting(0).compression);
      const [one, other] = [batchOf(long), batchOf(short)];
      const framing = coding.framing(framings.plainSse, "chunked");
      for (const batches of [[one, other], [other], [other, one, one]]) {
        const stream = coding.begin();
        const pieces = batches.map((batch) => batch.bytes(framing));
        for (const piece of pieces) stream.wrote(piece);
        const bytes = Buffer.concat([stream.head, ...pieces.map(unchunk), stream.tail()]);
        const said = batches.map((batch) => Buffer.from(batch.bytes(framings.plainSse))).join("");
        assert.equal(String(decode(bytes)), said);
      }
    });

    test("[ZIP-10] [SSE-8] a stream of several channels, whose bytes are its own, is coded too", () => {
      const coding = make(counting(0).compression);
      const start = new Map<string, Cursor>([["orders", { epoch: "k", offset: 15 }]]);
      const framing = coding.framing(compoundSse(start), "whole");
      const batch = batchOf(long);
      assert.notEqual(batch.bytes(framing), batch.bytes(framing));
      assert.match(String(decode(whole(coding, [batch.bytes(framing)]))), /^id: orders=k-16\n/);
    });
  });
}

test("[ZIP-10] a gzip stream notices bytes that it cannot vouch for", () => {
  const stream = gzipStreams(counting(0).compression).begin();
  assert.throws(() => stream.wrote(encodeUtf8("data: x\n\n")), /not coded/);
});
