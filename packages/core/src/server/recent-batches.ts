import type { ReadLimits } from "../broker/port.ts";
import type { Batch } from "./batch.ts";

/** How many full pages there is room for. */
const pagesMax = 4;
/** What an event costs beside its payload: its labels, its cursor, and what JavaScript adds. */
const eventOverheadBytes = 128;

/**
 * Batches of one log by where they start, with the bytes they were encoded to, for readers that come to the same
 * place a little later. What lies between two offsets of a log never changes, so none is ever out of date.
 *
 * Beyond four full pages the batch goes that came first.
 */
export class RecentBatches {
  readonly #batches = new Map<number, Batch>();
  readonly #bytesMax: number;
  #bytes = 0;

  constructor({ eventsMax, bytesMax }: ReadLimits) {
    this.#bytesMax = pagesMax * (bytesMax + (eventsMax + 1) * eventOverheadBytes);
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(from: number): Batch | undefined {
    return this.#batches.get(from);
  }

  add(batch: Batch): void {
    this.#drop(this.#batches.get(batch.from));
    this.#batches.set(batch.from, batch);
    this.#bytes += weigh(batch);
    for (const oldest of this.#batches.values()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(oldest);
    }
  }

  #drop(batch: Batch | undefined): void {
    if (batch === undefined) return;
    this.#batches.delete(batch.from);
    this.#bytes -= weigh(batch);
  }

  clear(): void {
    this.#batches.clear();
    this.#bytes = 0;
  }
}

function weigh({ events }: Batch): number {
  let bytes = eventOverheadBytes;
  for (const event of events) bytes += event.payloadBytes + eventOverheadBytes;
  return bytes;
}
