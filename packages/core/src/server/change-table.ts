/** What was set, or removed (`undefined`), and when. */
interface Change<T> {
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

  /** A listener at this version has missed nothing that the table still has to tell. */
  covers(version: number): boolean {
    return version >= this.#forgotten;
  }

  set(key: string, value: T | undefined): void {
    this.#changes.delete(key);
    this.#version++;
    this.#changes.set(key, { value, version: this.#version });
    if (this.#changes.size <= this.#keysMax) return;
    for (const [oldest, { version }] of this.#changes) {
      this.#changes.delete(oldest);
      this.#forgotten = version;
      return;
    }
  }

  /** The newest change of each key after a version, oldest first. */
  after(version: number): readonly (readonly [string, T | undefined])[] {
    const found: [string, T | undefined][] = [];
    for (const [key, change] of this.#changes) {
      if (change.version > version) found.push([key, change.value]);
    }
    return found;
  }
}
