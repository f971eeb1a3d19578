import type { LogEvent } from "@holdfast/protocol";
import type { Held } from "./holdings.ts";
import { Place, Recency } from "./recency.ts";

/** The newest event of each key, in the order of the log. Events without a key count as one key, the empty one. */
export class KeyedState {
  // Most channels of a large node hold nothing: they pay for a map when they need one.
  #places: Map<string, Place<Held>> | undefined;
  readonly #order = new Recency<Held>();

  get size(): number {
    return this.#places?.size ?? 0;
  }

  /** The event that was replaced least recently. */
  get oldest(): Held | undefined {
    return this.#order.oldest;
  }

  /** Whether this very event is the newest of its key. */
  holds(held: Held): boolean {
    return this.#places?.get(held.event.key ?? "")?.item === held;
  }

  /** Takes an event that is newer than all others, and returns the one it replaces. */
  put(held: Held): Held | undefined {
    this.#places ??= new Map();
    const key = held.event.key ?? "";
    const replaced = this.#places.get(key);
    replaced?.leave();
    const place = new Place(held);
    this.#places.set(key, place);
    this.#order.touch(place);
    return replaced?.item;
  }

  dropOldest(): Held | undefined {
    const held = this.#order.oldest;
    if (held === undefined) return undefined;
    const key = held.event.key ?? "";
    this.#places?.get(key)?.leave();
    this.#places?.delete(key);
    return held;
  }

  events(): LogEvent[] {
    return Array.from(this.#order, ({ event }) => event);
  }
}
