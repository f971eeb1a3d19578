import { headBytes, mark, sequenceDigits, timeDigits } from "../payload.ts";
import type { Histogram } from "./histogram.ts";
import type { Ledger } from "./ledger.ts";

const markByte = mark.charCodeAt(0);
const zero = 0x30;

/**
 * Counts the events in what one connection receives, however it is framed and cut into pieces.
 *
 * A payload is found by its mark and then skipped, so that an event costs a few comparisons. The first byte looked at is
 * where the mark stood the time before: what surrounds a payload seldom changes its length.
 */
export class Tally {
  events = 0;
  /** All that the connection received, as it came. */
  bytes = 0;
  /** Events whose number did not follow the one before. */
  disordered = 0;
  readonly #skipBytes: number;
  readonly #checksOrder: boolean;
  readonly #delays: Histogram | undefined;
  readonly #ledger: Ledger | undefined;
  #sequence = 0;
  /** Bytes of a payload that are still to come. */
  #skip = 0;
  /** How far behind the last payload the mark is expected. */
  #hint = 0;
  /** Bytes of a head that were the last of what came before; 0 when none was cut. */
  #cut = 0;
  #cutSequence = 0;
  #cutTime = 0;

  /**
   * `delays` is given how long after its time each event came; `checksOrder` holds for readers of one channel. With a `ledger`,
   * only what is new to that counts.
   */
  constructor(payloadBytes: number, checksOrder: boolean, delays?: Histogram, ledger?: Ledger) {
    // Without the quotation marks, the first of which is before the mark.
    this.#skipBytes = payloadBytes - 2;
    this.#checksOrder = checksOrder;
    this.#delays = delays;
    this.#ledger = ledger;
  }

  /** Reads the bytes from `from` up to `end`, which came at `atUs`. */
  scan(buffer: Uint8Array, from: number, end: number, atUs: number): void {
    let at = from;
    if (this.#cut > 0) at = this.#readCut(buffer, at, end, atUs);
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, end - at);
      this.#skip -= skipped;
      at += skipped;
    }
    while (at < end) {
      const found = this.#find(buffer, at, end);
      if (found === end) return;
      if (found + headBytes > end) {
        this.#cut = 1;
        this.#cutSequence = 0;
        this.#cutTime = 0;
        this.#readCut(buffer, found + 1, end, atUs);
        return;
      }
      const sequence = number(buffer, found + 1, sequenceDigits);
      const time = this.#delays === undefined ? 0 : number(buffer, found + 1 + sequenceDigits, timeDigits);
      this.#count(sequence, time, atUs);
      at = found + this.#skipBytes;
      if (at > end) this.#skip = at - end;
    }
  }

  #find(buffer: Uint8Array, from: number, end: number): number {
    const expected = from + this.#hint;
    if (expected < end && buffer[expected] === markByte) return expected;
    for (let at = from; at < end; at++) {
      if (buffer[at] !== markByte) continue;
      this.#hint = at - from;
      return at;
    }
    return end;
  }

  /** Reads on in a head that was cut; returns where it ends. */
  #readCut(buffer: Uint8Array, from: number, end: number, atUs: number): number {
    let at = from;
    for (; at < end && this.#cut < headBytes; at++, this.#cut++) {
      const digit = (buffer[at] ?? zero) - zero;
      if (this.#cut <= sequenceDigits) this.#cutSequence = this.#cutSequence * 10 + digit;
      else this.#cutTime = this.#cutTime * 10 + digit;
    }
    if (this.#cut < headBytes) return at;
    this.#cut = 0;
    this.#skip = this.#skipBytes - headBytes;
    this.#count(this.#cutSequence, this.#cutTime, atUs);
    return at;
  }

  #count(sequence: number, time: number, atUs: number): void {
    if (this.#ledger?.note(sequence) === false) return;
    this.events++;
    if (this.#checksOrder) {
      if (sequence !== this.#sequence + 1) this.disordered++;
      this.#sequence = sequence;
    }
    this.#delays?.record(atUs - time);
  }
}

function number(buffer: Uint8Array, from: number, digits: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at++) value = value * 10 + (buffer[at] ?? zero) - zero;
  return value;
}
