import { Transform, type TransformCallback } from "node:stream";

/** What a slow line lets through: 600 bytes ten times a second. */
const sliceBytes = 600;
const sliceMs = 100;

/**
 * Lets bytes through a slice at a time while `isSlow` says so, and takes no more before those are gone: the sender's
 * socket fills as it would with a reader that is slow.
 */
export class Throttle extends Transform {
  readonly #isSlow: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  constructor(isSlow: () => boolean) {
    super({ highWaterMark: 4096 });
    this.#isSlow = isSlow;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    if (!this.#isSlow()) {
      done(null, chunk);
      return;
    }
    this.push(chunk.subarray(0, sliceBytes));
    const rest = chunk.subarray(sliceBytes);
    this.#timer = setTimeout(
      () => (rest.length > 0 ? this._transform(rest, _encoding, done) : done()),
      sliceMs,
    );
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    done(error);
  }
}
