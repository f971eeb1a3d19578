import { constants, deflateRawSync, zstdCompressSync } from "node:zlib";
import type { Compressor } from "@holdfast/core/server";

/** How far back a match may lie in a window, short of its size, is set by what zlib looks ahead. */
const lookaheadBytes = 262;

/** The smallest window that spans a whole piece: small ones are quicker to set up than to fill. */
function windowBitsFor(bytes: number): number {
  const bits = 32 - Math.clz32(bytes + lookaheadBytes - 1);
  return Math.min(constants.Z_MAX_WINDOWBITS, Math.max(minWindowBits, bits));
}

/** With 8 zlib has no raw deflate. */
const minWindowBits = 9;

/** What a piece that cannot be compressed grows by: a head for each stored block, and the sync flush. */
const growthBytes = 64;

/** Raw deflate of a piece that stands alone, ended by a sync flush. */
export function deflateAt(level: number): Compressor {
  return (bytes) => {
    const windowBits = windowBitsFor(bytes.length);
    return deflateRawSync(bytes, {
      level,
      windowBits,
      // A hash table about as large as the window.
      memLevel: Math.min(constants.Z_DEFAULT_MEMLEVEL, windowBits - 6),
      chunkSize: Math.max(
        constants.Z_MIN_CHUNK,
        Math.min(bytes.length + growthBytes, constants.Z_DEFAULT_CHUNK),
      ),
      finishFlush: constants.Z_SYNC_FLUSH,
    });
  };
}

/** A frame of Zstandard for each piece, with a window of no more than the piece. */
export function zstdAt(level: number): Compressor {
  const params = { [constants.ZSTD_c_compressionLevel]: level };
  return (bytes) => zstdCompressSync(bytes, { params, pledgedSrcSize: bytes.length });
}
