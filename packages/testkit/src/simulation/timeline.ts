interface Entry {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** Virtual time: what is to happen, in the order of its moments. Two things at one moment keep the order they were planned in. */
export class Timeline {
  #now: number;
  #planned = 0;
  /** A binary heap. */
  readonly #entries: Entry[] = [];

  constructor(start: number) {
    this.#now = start;
  }

  /** Milliseconds since 1970, as this world has it. */
  get now(): number {
    return this.#now;
  }

  /** When the next thing happens; Infinity when nothing is planned. */
  get nextAt(): number {
    this.#dropCancelled();
    return this.#entries[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** Plans something; a moment in the past means now. Returns what cancels it. */
  at(at: number, run: () => void): () => void {
    const entry: Entry = { at: Math.max(at, this.#now), order: this.#planned++, run };
    this.#push(entry);
    return () => {
      entry.run = undefined;
    };
  }

  after(delayMs: number, run: () => void): () => void {
    return this.at(this.#now + delayMs, run);
  }

  /** Goes to the next moment and does what is planned for it; false when nothing is. */
  step(): boolean {
    this.#dropCancelled();
    const entry = this.#pop();
    if (entry === undefined) return false;
    this.#now = entry.at;
    entry.run?.();
    return true;
  }

  /** Lets time pass in which nothing happens. */
  passTo(at: number): void {
    if (this.nextAt < at) throw new RangeError(`Something happens at ${this.nextAt}, before ${at}.`);
    this.#now = Math.max(this.#now, at);
  }

  #dropCancelled(): void {
    while (this.#entries.length > 0 && this.#entries[0]?.run === undefined) this.#pop();
  }

  #push(entry: Entry): void {
    const heap = this.#entries;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!isBefore(entry, heap[above] as Entry)) break;
      heap[at] = heap[above] as Entry;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): Entry | undefined {
    const heap = this.#entries;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Entry, heap[below] as Entry)) below++;
      if (!isBefore(heap[below] as Entry, last)) break;
      heap[at] = heap[below] as Entry;
      at = below;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
