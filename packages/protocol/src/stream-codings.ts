import { type Bytes, joinBytes } from "./bytes.ts";

/** What a gzip stream begins with: deflate, without a name, a time, or the system it comes from. RFC 1952 §2.3. */
export const gzipHead: Bytes = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);

/** An empty block that is the last, with fixed codes. RFC 1951 §3.2.3. */
const lastBlock = Uint8Array.of(0x03, 0x00);

/** What a gzip stream ends with: the CRC-32 of all that it says, and how many bytes that was. RFC 1952 §2.3.1. */
export function gzipTail(crc32: number, length: number): Bytes {
  const tail = new Uint8Array(lastBlock.length + 8);
  const view = new DataView(tail.buffer);
  tail.set(lastBlock);
  view.setUint32(lastBlock.length, crc32, true);
  view.setUint32(lastBlock.length + 4, length % 2 ** 32, true);
  return tail;
}

const storedBlockMax = 0xffff;

/** Bytes as they are, in deflate: blocks that are stored, after which a stream can go on at a byte. RFC 1951 §3.2.4. */
export function storedDeflate(bytes: Uint8Array): Bytes {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += storedBlockMax) {
    const block = bytes.subarray(at, at + storedBlockMax);
    const { length } = block;
    parts.push(Uint8Array.of(0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff), block);
  }
  return joinBytes(parts);
}

const zstdMagic = [0x28, 0xb5, 0x2f, 0xfd] as const;
const zstdBlockMax = 128 * 1024;

/** Bytes as they are, in a frame of Zstandard. RFC 8878 §3.1.1. */
export function storedZstd(bytes: Uint8Array): Bytes {
  const parts: Uint8Array[] = [Uint8Array.of(...zstdMagic, ...zstdContentSize(bytes.length))];
  let at = 0;
  do {
    const block = bytes.subarray(at, at + zstdBlockMax);
    at += block.length;
    const isLast = at === bytes.length;
    const header = (block.length << 3) | (isLast ? 1 : 0);
    parts.push(Uint8Array.of(header & 0xff, (header >> 8) & 0xff, header >> 16), block);
  } while (at < bytes.length);
  return joinBytes(parts);
}

/** The frame's descriptor and how long its content is, which is the size of its window too. RFC 8878 §3.1.1.1. */
function zstdContentSize(length: number): number[] {
  const isSingleSegment = 0x20;
  if (length < 256) return [isSingleSegment, length];
  if (length < 256 + 65_536) return [isSingleSegment | 0x40, (length - 256) & 0xff, (length - 256) >> 8];
  return [isSingleSegment | 0x80, length & 0xff, (length >> 8) & 0xff, (length >> 16) & 0xff, length >>> 24];
}
