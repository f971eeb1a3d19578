import type { Resuming } from "./dialect.ts";

/** Where a client stands, as it says it when it comes back: kept up to date by the messages that it is told. */
export class Standing {
  position: string | undefined;
  readonly #resuming: Resuming | undefined;
  /** The beginning of a message that came in pieces. */
  #part: Buffer | undefined;

  /** Without `resuming` the position stays what it is. */
  constructor(resuming: Resuming | undefined, position?: string) {
    this.#resuming = resuming;
    this.position = position;
  }

  /** Takes a piece of a message, the last one or not. */
  hear(buffer: Uint8Array, from: number, end: number, isLast: boolean): void {
    if (this.#resuming === undefined) return;
    const piece = Buffer.from(buffer.buffer, buffer.byteOffset + from, end - from);
    if (!isLast) {
      this.#part = Buffer.concat(this.#part === undefined ? [piece] : [this.#part, piece]);
      return;
    }
    const message = this.#part === undefined ? piece : Buffer.concat([this.#part, piece]);
    this.#part = undefined;
    this.position = this.#resuming.after(message, this.position);
  }

  /** What was cut off with a connection is not finished on the next. */
  forgetPart(): void {
    this.#part = undefined;
  }
}
