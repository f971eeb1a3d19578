import { type Bytes, frame } from "@holdfast/protocol";
import type { Envelope } from "./layers.ts";

/** Compresses bytes on their own, without a word of what came before: only so can many connections share the result. */
export type Compressor = (bytes: Uint8Array) => Bytes;

/** How a node compresses what it says. */
export interface Compression {
  /** What is shorter is sent as it is: too little would be saved. */
  readonly thresholdBytes: number;
  /** Raw deflate (RFC 1951) that ends with a sync flush, as in RFC 7692 §7.2.1. */
  readonly deflate: Compressor;
  /** A whole frame of Zstandard (RFC 8878). */
  readonly zstd: Compressor;
  /** As gzip has it (RFC 1952 §8). */
  readonly crc32: (bytes: Uint8Array) => number;
}

/** The empty block that a sync flush ends with; permessage-deflate leaves it out. RFC 7692 §7.2.1. */
const syncTailBytes = 4;

/** A message in a frame: deflated, where it is long enough and becomes shorter by it. Rules ZIP-1, ZIP-4. */
export function deflatedFrame(
  kind: "text" | "binary",
  compression: Pick<Compression, "thresholdBytes" | "deflate">,
): Envelope {
  const { thresholdBytes, deflate } = compression;
  return (message) => {
    if (message.length < thresholdBytes) return frame(kind, message);
    const block = deflate(message);
    const length = block.length - syncTailBytes;
    return length < message.length ? frame(kind, block.subarray(0, length), true) : frame(kind, message);
  };
}
