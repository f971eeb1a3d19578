/** The events that one client has had, whatever became of its connections: each counts once. */
export class Ledger {
  /** Different events. */
  count = 0;
  /** Events that came again. */
  repeated = 0;
  /** The greatest number of all. */
  last = 0;
  #had = new Uint8Array(16);

  /** Notes the event with this number; returns whether it is new. */
  note(sequence: number): boolean {
    const at = sequence >> 3;
    const bit = 1 << (sequence & 7);
    if (at >= this.#had.length) this.#grow(at);
    const known = this.#had[at] ?? 0;
    if ((known & bit) !== 0) {
      this.repeated++;
      return false;
    }
    this.#had[at] = known | bit;
    this.count++;
    if (sequence > this.last) this.last = sequence;
    return true;
  }

  #grow(at: number): void {
    const larger = new Uint8Array(Math.max(at + 1, this.#had.length * 2));
    larger.set(this.#had);
    this.#had = larger;
  }
}
