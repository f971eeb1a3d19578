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
  readonly #fillers: readonly string[];

  /**
   * `isVaried` fills them with records that differ as those of an application do, for compression to work on.
   *
   * Throws a `RangeError` for fewer bytes than the head and two quotation marks take.
   */
  constructor(bytes: number, isVaried = false) {
    const fillerBytes = bytes - headBytes - 2;
    if (fillerBytes < 0) throw new RangeError(`A payload has at least ${headBytes + 2} bytes, not ${bytes}.`);
    const sentences = "Holdfast delivers ordered events. ".repeat(Math.ceil(fillerBytes / 34));
    this.#fillers = isVaried
      ? Array.from({ length: 64 }, (_, index) => records(fillerBytes, index))
      : [sentences.slice(0, fillerBytes)];
  }

  make(sequence: number, timeUs: number): string {
    const filler = this.#fillers[sequence % this.#fillers.length] ?? "";
    return `${mark}${digits(sequence, sequenceDigits)}${digits(timeUs, timeDigits)}${filler}`;
  }
}

const names = ["Ada", "Grace", "Edsger", "Barbara", "Donald"];
const cities = ["Berlin", "Paris", "Lisbon", "Oslo"];

/** Records like those of JSON, without quotation marks, which would take two bytes each within a string. */
function records(bytes: number, seed: number): string {
  let state = seed + 1;
  const draw = (below: number) => {
    // The generator of Park and Miller: the same records in every process.
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  let text = "";
  while (text.length < bytes) {
    const customer = `{name:${names[draw(names.length)]},city:${cities[draw(cities.length)]}}`;
    const items = `[{sku:SKU-${draw(9000)},quantity:${draw(5) + 1}},{sku:SKU-${draw(9000)},quantity:1}]`;
    text += `{order:o-${draw(2 ** 31).toString(36)},total:${draw(99_999) / 100},customer:${customer},items:${items}},`;
  }
  return text.slice(0, bytes);
}

function digits(number: number, count: number): string {
  return String(number).padStart(count, "0");
}
