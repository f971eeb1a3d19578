import { mark, sequenceDigits } from "../payload.ts";

const markByte = mark.charCodeAt(0);

/**
 * A request or message that is sent again and again with other numbers in its payloads.
 *
 * The bytes are changed in place, so a slot is used again only when what was sent in it has been acknowledged.
 */
export class Slot {
  readonly bytes: Buffer;
  /** Events in it. */
  readonly events: number;
  sentUs = 0;
  readonly #numbersAt: readonly number[];

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    const found: number[] = [];
    for (let at = bytes.indexOf(markByte); at >= 0; at = bytes.indexOf(markByte, at + 1)) found.push(at + 1);
    this.#numbersAt = found;
    this.events = found.length;
  }

  /** Numbers the payloads from here on. */
  number(first: number): void {
    let sequence = first;
    for (const at of this.#numbersAt) {
      let left = sequence++;
      for (let digit = at + sequenceDigits - 1; digit >= at; digit--) {
        this.bytes[digit] = 0x30 + (left % 10);
        left = Math.floor(left / 10);
      }
    }
  }
}
