const capacityMin = 8;

/** A queue whose items can be had by index. Appending and removing at the front cost O(1) amortised. */
export class Ring<T extends object> {
  // The capacity is a power of two, so that a mask wraps an index around.
  #slots: (T | undefined)[] = [];
  #first = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Slots allocated; they shrink again as the ring empties. */
  get capacity(): number {
    return this.#slots.length;
  }

  /** The item that has `index` others before it, if there is one. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined;
    return this.#slots[(this.#first + index) & (this.#slots.length - 1)];
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#resize(Math.max(capacityMin, this.#length * 2));
    this.#slots[(this.#first + this.#length) & (this.#slots.length - 1)] = item;
    this.#length++;
  }

  shift(): T | undefined {
    const item = this.at(0);
    if (item === undefined) return undefined;
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    this.#length--;
    // A quarter, not a half: a ring that hovers around a power of two must not be copied at every step.
    if (this.#length * 4 <= this.#slots.length && this.#slots.length > capacityMin) {
      this.#resize(this.#slots.length / 2);
    }
    return item;
  }

  #resize(capacity: number): void {
    const slots = new Array<T | undefined>(capacity).fill(undefined);
    for (let index = 0; index < this.#length; index++) slots[index] = this.at(index);
    this.#slots = slots;
    this.#first = 0;
  }
}
