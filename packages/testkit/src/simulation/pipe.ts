import type { Timeline } from "./timeline.ts";

interface Parcel<T> {
  readonly item: T;
  readonly bytes: number;
  readonly arrivesAt: number;
}

/** Why a pipe is held: by a fault, by something on the way, or by who should take what comes out of it. */
export type Hold = "fault" | "obstacle" | "pause";

/** One direction of one connection: what is sent arrives in order, late, slowly, or not at all. */
export class Pipe<T> {
  readonly #timeline: Timeline;
  readonly #delayMs: () => number;
  readonly #arrived: (item: T) => void;
  #parcels: Parcel<T>[] = [];
  #bytes = 0;
  #lastArrivalAt = 0;
  #bytesPerMs = Number.POSITIVE_INFINITY;
  /** What holds it up; it flows when nothing does. */
  readonly #holds = new Set<Hold>();
  #isBroken = false;
  #cancel: (() => void) | undefined;

  constructor(timeline: Timeline, delayMs: () => number, arrived: (item: T) => void) {
    this.#timeline = timeline;
    this.#delayMs = delayMs;
    this.#arrived = arrived;
  }

  /** Sent, and not arrived. */
  get bytesInFlight(): number {
    return this.#bytes;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  send(item: T, bytes = 0): void {
    if (this.#isBroken) return;
    this.#bytes += bytes;
    this.#parcels.push({ item, bytes, arrivesAt: this.#timeline.now + this.#delayMs() });
    if (this.#parcels.length === 1) this.#plan();
  }

  /** Nothing arrives until what holds it is released. */
  hold(reason: Hold): void {
    this.#holds.add(reason);
    this.#cancel?.();
  }

  release(reason: Hold): void {
    if (this.#holds.delete(reason) && this.#holds.size === 0) this.#plan();
  }

  /** Whatever was wrong with it ends. */
  heal(): void {
    this.#holds.delete("fault");
    this.#holds.delete("obstacle");
    this.throttle(Number.POSITIVE_INFINITY);
  }

  /** What takes the bytes takes so many in a millisecond from now on. */
  throttle(bytesPerMs: number): void {
    this.#bytesPerMs = bytesPerMs;
    this.#cancel?.();
    this.#plan();
  }

  /** What is under way is lost, and so is whatever is sent from now on. */
  break(): void {
    this.#isBroken = true;
    this.#cancel?.();
    this.#parcels = [];
    this.#bytes = 0;
  }

  #plan(): void {
    const next = this.#parcels[0];
    if (next === undefined || this.#holds.size > 0) return;
    const paced = this.#lastArrivalAt + next.bytes / this.#bytesPerMs;
    this.#cancel = this.#timeline.at(Math.max(next.arrivesAt, paced), () => this.#arrive());
  }

  #arrive(): void {
    const parcel = this.#parcels.shift();
    if (parcel === undefined) return;
    this.#bytes -= parcel.bytes;
    this.#lastArrivalAt = this.#timeline.now;
    // Planned before it is handed over: whoever takes it may stall or break the pipe.
    this.#plan();
    this.#arrived(parcel.item);
  }
}
