import type { Batch } from "./batch.ts";
import type { Reader, Receiver } from "./reader.ts";

/** Wakes somebody when there is something to read, and reads nothing itself. */
export class Alarm implements Receiver {
  readonly full = false;
  #wake: (() => void) | undefined;

  constructor(wake: () => void) {
    this.#wake = wake;
  }

  /** Once: what the reader is told on its way out does not wake anybody again. */
  #ring(reader: Reader): void {
    const wake = this.#wake;
    this.#wake = undefined;
    reader.hub.detach(reader);
    wake?.();
  }

  deliver(reader: Reader, batch: Batch): void {
    // A batch without events moves the reader, but there is still nothing to read.
    if (batch.events.length > 0) this.#ring(reader);
  }

  gap(reader: Reader): void {
    this.#ring(reader);
  }

  end(reader: Reader): void {
    this.#ring(reader);
  }

  fellBehind(): void {}

  arrived(): void {}
}
