import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { test } from "node:test";
import { constants, crc32, createGunzip, deflateRawSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { crc32Shift, joinCrc32 } from "./crc32.ts";
import { gzipHead, gzipTail, storedDeflate, storedZstd } from "./stream-codings.ts";

/** Around what one block, one byte, two bytes can say. */
const sizes = [0, 1, 255, 256, 257, 65_535, 65_536, 65_791, 65_792, 131_071, 131_072, 131_073, 300_000];

function noise(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 2_654_435_761) >>> 13));
}

for (const size of sizes) {
  test(`[ZIP-10] [ZIP-11] ${size} bytes that are stored are decoded to themselves`, () => {
    const bytes = noise(size);
    const gzip = Buffer.concat([gzipHead, storedDeflate(bytes), gzipTail(crc32(bytes), size)]);
    assert.ok(gunzipSync(gzip).equals(bytes));
    assert.ok(zstdDecompressSync(storedZstd(bytes)).equals(bytes));
  });
}

test("[ZIP-11] frames that are stored follow each other in one stream", () => {
  const pieces = [noise(3), noise(0), noise(500)];
  assert.ok(zstdDecompressSync(Buffer.concat(pieces.map(storedZstd))).equals(Buffer.concat(pieces)));
});

test("[ZIP-10] CRCs of pieces are joined to that of the whole", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5000 })), (pieces) => {
      let crc = 0;
      for (const piece of pieces) crc = joinCrc32(crc, crc32(piece), crc32Shift(piece.length));
      assert.equal(crc, crc32(Buffer.concat(pieces)));
    }),
  );
  const long = Buffer.alloc(3_000_000, "a page of a state");
  assert.equal(
    joinCrc32(crc32("x"), crc32(long), crc32Shift(long.length)),
    crc32(Buffer.concat([Buffer.from("x"), long])),
  );
});

test("[ZIP-10] a gzip stream of blocks, stored and deflated on their own, is decoded as it arrives", async () => {
  const gunzip = createGunzip();
  let text = "";
  gunzip.on("data", (piece) => {
    text += String(piece);
  });
  const ended = new Promise((resolve, reject) => gunzip.on("end", resolve).on("error", reject));
  gunzip.write(gzipHead);
  let said = "";
  for (const piece of ["stored ", "deflated ".repeat(100), "", "stored again", "again and ".repeat(20_000)]) {
    said += piece;
    const deflated = deflateRawSync(piece, { finishFlush: constants.Z_SYNC_FLUSH });
    gunzip.write(piece.length < 20 ? storedDeflate(Buffer.from(piece)) : deflated);
    while (text !== said) await new Promise((resolve) => setImmediate(resolve));
  }
  gunzip.end(gzipTail(crc32(said), said.length));
  await ended;
});

test("[ZIP-10] the length of a stream beyond 4 GB is counted anew", () => {
  assert.deepEqual([...gzipTail(1, 2 ** 32 + 5).subarray(2)], [1, 0, 0, 0, 5, 0, 0, 0]);
});
