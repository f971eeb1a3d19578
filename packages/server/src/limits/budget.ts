/** What a piece costs beside its bytes, as many tiny ones are kept until the last has come. */
const pieceBytes = 128;

/** Bytes that may be held at once by all together: what clients have begun to send, and not finished. Rule BND-2. */
export class Budget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isExceeded(): boolean {
    return this.#bytes > this.#bytesMax;
  }

  /** Counts one more piece that is held, and returns by how much. */
  hold(piece: Uint8Array): number {
    const bytes = piece.length + pieceBytes;
    this.#bytes += bytes;
    return bytes;
  }

  /** So much is held no more. */
  release(bytes: number): void {
    this.#bytes -= bytes;
  }
}
