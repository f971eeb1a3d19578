import { constants, inflateRawSync } from "node:zlib";

/** More than any reader of a process is ahead of the others. */
const keptMax = 4096;
const syncTail = Buffer.of(0, 0, 0xff, 0xff);

/**
 * Inflates the messages of all readers of a process, which are alike: each is inflated for the reader that has it first, and for
 * the others it is compared, byte by byte.
 */
export class Inflater {
  readonly #deflated: Buffer[] = [];
  readonly #inflated: Buffer[] = [];

  /** The n-th deflated message of a reader, given as the bytes from `start` to `stop`. */
  inflate(n: number, bytes: Uint8Array, start: number, stop: number): Buffer {
    const at = n % keptMax;
    const known = this.#deflated[at];
    const inflated = this.#inflated[at];
    if (known !== undefined && inflated !== undefined && known.compare(bytes, start, stop) === 0)
      return inflated;
    const deflated = Buffer.from(bytes.subarray(start, stop));
    const message = inflateRawSync(Buffer.concat([deflated, syncTail]), {
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    this.#deflated[at] = deflated;
    this.#inflated[at] = message;
    return message;
  }
}
