import type { LogEvent } from "@holdfast/protocol";
import { Place, Recency } from "./recency.ts";

/** The newest event of each key, in the order of the log. Events without a key count as one key, the empty one. */
export class KeyedState {
  // Most channels of a large node hold nothing: they pay for a map when they need one.
  #places: Map<string, Place<LogEvent>> | undefined;
  readonly #order = new Recency<LogEvent>();

  get size(): number {
    return this.#places?.size ?? 0;
  }

  /** The event that was replaced least recently. */
  get oldest(): LogEvent | undefined {
    return this.#order.oldest;
  }

  /** Whether this very event is the newest of its key. */
  holds(event: LogEvent): boolean {
    return this.#places?.get(event.key ?? "")?.item === event;
  }

  /** Takes an event that is newer than all others, and returns the one it replaces. */
  put(event: LogEvent): LogEvent | undefined {
    this.#places ??= new Map();
    const key = event.key ?? "";
    const replaced = this.#places.get(key);
    replaced?.leave();
    const place = new Place(event);
    this.#places.set(key, place);
    this.#order.touch(place);
    return replaced?.item;
  }

  dropOldest(): LogEvent | undefined {
    const event = this.#order.oldest;
    if (event === undefined) return undefined;
    const key = event.key ?? "";
    this.#places?.get(key)?.leave();
    this.#places?.delete(key);
    return event;
  }

  events(): LogEvent[] {
    return [...this.#order];
  }
}
