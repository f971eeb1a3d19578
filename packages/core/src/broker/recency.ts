/** An item's place in a `Recency`; it is in one of them at a time, or in none. */
export class Place<T> {
  readonly item: T;
  list: Recency<T> | undefined = undefined;
  older: Place<T> | undefined = undefined;
  newer: Place<T> | undefined = undefined;

  constructor(item: T) {
    this.item = item;
  }

  /** Takes the item out of the list it is in, if any. */
  leave(): void {
    this.list?.remove(this);
  }
}

/** Items from the least to the most recently touched; every step costs O(1). */
export class Recency<T> {
  // A Map would keep this order as well, but finding its first key walks over every key deleted before it.
  #oldest: Place<T> | undefined;
  #newest: Place<T> | undefined;

  get oldest(): T | undefined {
    return this.#oldest?.item;
  }

  /** Makes the item the newest of this list, whatever list it was in. */
  touch(place: Place<T>): void {
    if (place === this.#newest) return;
    place.leave();
    place.list = this;
    place.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = place;
    else this.#newest.newer = place;
    this.#newest = place;
  }

  remove(place: Place<T>): void {
    if (place.list !== this) return;
    if (place.older === undefined) this.#oldest = place.newer;
    else place.older.newer = place.newer;
    if (place.newer === undefined) this.#newest = place.older;
    else place.newer.older = place.older;
    place.list = undefined;
    place.older = undefined;
    place.newer = undefined;
  }

  /** From the oldest to the newest; the list must not change meanwhile. */
  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let place = this.#oldest; place !== undefined; place = place.newer) yield place.item;
  }
}
