/** Begins every payload, and is nowhere else in what any peer sends. */
export const mark = "~";
export const sequenceDigits = 8;
export const timeDigits = 14;
/** The mark, the sequence number, and the time at which the event was due. */
export const headBytes = mark.length + sequenceDigits + timeDigits;

/**
 * Makes payloads: strings that take `bytes` as JSON, numbered, and stamped with a time in microseconds.
 *
 * Readers find them by their mark and skip the rest, so that they count events without decoding anything.
 */
export class PayloadMaker {
  readonly #filler: string;

  /** Throws a `RangeError` for fewer bytes than the head and two quotation marks take. */
  constructor(bytes: number) {
    const fillerBytes = bytes - headBytes - 2;
    if (fillerBytes < 0) throw new RangeError(`A payload has at least ${headBytes + 2} bytes, not ${bytes}.`);
    this.#filler = "Holdfast delivers ordered events. "
      .repeat(Math.ceil(fillerBytes / 34))
      .slice(0, fillerBytes);
  }

  make(sequence: number, timeUs: number): string {
    return `${mark}${digits(sequence, sequenceDigits)}${digits(timeUs, timeDigits)}${this.#filler}`;
  }
}

function digits(number: number, count: number): string {
  return String(number).padStart(count, "0");
}
