/** What was set, or removed (`undefined`), and when. */
export interface Change<T> {
  readonly key: string;
  readonly value: T | undefined;
  readonly version: number;
}

/**
 * The newest value of each key, read from a version on: a listener is a cursor here too, and lags without a queue.
 *
 * Beyond `keysMax` the change that is longest ago goes; a listener that had not read it is told everything anew.
 */
export class ChangeTable<T> {
  /** In the order of their versions. */
  readonly #changes = new Map<string, Change<T>>();
  readonly #keysMax: number;
  #version = 0;
  /** Changes up to this version may be missing. */
  #forgotten = 0;

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#changes.size;
  }

  /** A listener at this version has missed nothing that the table still has to tell. */
  covers(version: number): boolean {
    return version >= this.#forgotten;
  }

  set(key: string, value: T | undefined): void {
    this.#changes.delete(key);
    this.#version++;
    this.#changes.set(key, { key, value, version: this.#version });
    if (this.#changes.size <= this.#keysMax) return;
    for (const oldest of this.#changes.values()) {
      this.#changes.delete(oldest.key);
      this.#forgotten = oldest.version;
      return;
    }
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
    this.#forgotten = this.#version;
  }
}
