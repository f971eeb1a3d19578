import { exitCodes, Failure } from "./exit-codes.ts";

/** A line of input, without its line break. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** Longer lines are refused rather than gathered in memory. */
export const lineBytesMax = 16 * 1024 * 1024;

const lineFeed = 0x0a;

/**
 * Reads lines as they come: each step yields those that are there, so that a fast input makes large groups and a
 * slow one is not kept waiting. The next chunk is read when the consumer asks for more.
 *
 * Throws a `Failure` for a line that is too long or not UTF-8, after the lines before it.
 */
export async function* readLines(
  input: AsyncIterable<Uint8Array>,
  bytesMax = lineBytesMax,
): AsyncGenerator<readonly Line[]> {
  const splitter = new Splitter(bytesMax);
  for await (const chunk of input) yield* splitter.split(chunk);
  yield* splitter.split(undefined);
}

class Splitter {
  readonly #bytesMax: number;
  /** A byte order mark is none in the middle of the input. */
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  /** The pieces of the line whose end has not come. */
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #number = 1;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Yields the lines that a chunk ends; without one, the input has ended, and with it the last line. */
  *split(chunk: Uint8Array | undefined): Generator<readonly Line[]> {
    const lines: Line[] = [];
    try {
      if (chunk !== undefined) this.#take(chunk, lines);
      else if (this.#bytes > 0) this.#finish(lines);
    } finally {
      if (lines.length > 0) yield lines;
    }
  }

  #take(chunk: Uint8Array, lines: Line[]): void {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      this.#append(chunk.subarray(start, end));
      this.#finish(lines);
      start = end + 1;
    }
    this.#append(chunk.subarray(start));
  }

  #append(piece: Uint8Array): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#bytesMax) {
      throw this.#wrong(`is longer than ${this.#bytesMax} bytes`);
    }
    if (piece.length > 0) this.#pieces.push(piece);
  }

  #finish(lines: Line[]): void {
    const [only] = this.#pieces;
    const bytes = only !== undefined && this.#pieces.length === 1 ? only : Buffer.concat(this.#pieces);
    let text: string;
    try {
      text = this.#decoder.decode(bytes);
    } catch {
      throw this.#wrong("is not UTF-8");
    }
    if (text.endsWith("\r")) text = text.slice(0, -1);
    if (this.#number === 1 && text.startsWith("\ufeff")) text = text.slice(1);
    lines.push({ number: this.#number++, text });
    this.#pieces = [];
    this.#bytes = 0;
  }

  #wrong(what: string): Failure {
    return new Failure(exitCodes.mistake, `Line ${this.#number} ${what}.`);
  }
}
