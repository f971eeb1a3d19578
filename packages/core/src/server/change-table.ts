/** What was set, or removed (`undefined`), and when. */
export interface Change<T> {
  readonly key: string;
  readonly value: T | undefined;
  readonly version: number;
  /** What it counts against the bound of its table. */
  readonly bytes: number;
}

/** How much a table keeps. */
export interface TableBounds {
  readonly keysMax: number;
  /** A single larger change still fits: whoever keeps up is to hear it. */
  readonly bytesMax: number;
}

/**
 * The newest value of each key, read from a version on: a listener is a cursor here too, and lags without a queue.
 *
 * Beyond its bounds the changes that are longest ago go; a listener that had not read them is not covered any more.
 */
export class ChangeTable<T> {
  /** In the order of their versions. */
  readonly #changes = new Map<string, Change<T>>();
  readonly #bounds: TableBounds;
  #bytes = 0;
  #version = 0;
  /** Changes up to this version may be missing. */
  #forgotten = 0;

  constructor(bounds: TableBounds) {
    this.#bounds = bounds;
  }

  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#changes.size;
  }

  /** What the changes that are kept count together. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A listener at this version has missed nothing that the table still has to tell. */
  covers(version: number): boolean {
    return version >= this.#forgotten;
  }

  set(key: string, value: T | undefined, bytes: number): void {
    this.#delete(key);
    this.#version++;
    this.#changes.set(key, { key, value, version: this.#version, bytes });
    this.#bytes += bytes;
    const { keysMax, bytesMax } = this.#bounds;
    for (const oldest of this.#changes.values()) {
      if (this.#changes.size <= keysMax && this.#bytes <= bytesMax) return;
      if (oldest.version === this.#version) return;
      this.#delete(oldest.key);
      this.#forgotten = oldest.version;
    }
  }

  #delete(key: string): void {
    this.#bytes -= this.#changes.get(key)?.bytes ?? 0;
    this.#changes.delete(key);
  }

  /** The newest change of each key after a version, oldest first. */
  after(version: number): readonly Change<T>[] {
    const found: Change<T>[] = [];
    for (const change of this.#changes.values()) if (change.version > version) found.push(change);
    return found;
  }

  /** Everybody has read everything: nothing needs to be kept. */
  forget(): void {
    this.#changes.clear();
    this.#bytes = 0;
    this.#forgotten = this.#version;
  }
}
