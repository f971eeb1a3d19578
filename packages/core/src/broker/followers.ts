import type { LogBatch, LogObserver } from "./port.ts";
import { Ring } from "./ring.ts";

interface Follower {
  readonly observer: LogObserver;
  /** How many notices had been issued when it came: those are not for it. */
  readonly since: number;
}

/** Stand among the batches: for the end of the channel, and for what may have been missed. */
const ending: LogBatch = { epoch: "", from: 0, to: 0, events: [] };
const disturbance: LogBatch = { epoch: "", from: 0, to: 0, events: [] };

/** Tells a log's observers what happened: one notice after the other, the same object to all of them. */
export class Followers {
  readonly #followers = new Set<Follower>();
  /** What an observer causes while it hears a notice waits here, so that all hear everything in order. */
  readonly #notices = new Ring<LogBatch>();
  #issued = 0;
  #telling = false;
  readonly #failed: (error: unknown) => void;

  /** `failed` hears what observers throw. */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  get size(): number {
    return this.#followers.size;
  }

  /** Adds an observer, and returns what removes it: true when it was still there. */
  add(observer: LogObserver): () => boolean {
    const follower = { observer, since: this.#issued };
    this.#followers.add(follower);
    return () => this.#followers.delete(follower);
  }

  clear(): void {
    this.#followers.clear();
  }

  appended(batch: LogBatch): void {
    if (this.#followers.size > 0) this.#issue(batch);
  }

  closed(): void {
    if (this.#followers.size > 0) this.#issue(ending);
  }

  disturbed(): void {
    if (this.#followers.size > 0) this.#issue(disturbance);
  }

  #issue(notice: LogBatch): void {
    this.#notices.push(notice);
    this.#issued++;
    if (this.#telling) return;
    this.#telling = true;
    for (let next = this.#notices.shift(); next !== undefined; next = this.#notices.shift()) {
      const number = this.#issued - this.#notices.length;
      // A Set may change while it is walked: who leaves is not visited, who comes is, and is told apart by `since`.
      for (const follower of this.#followers) {
        if (follower.since < number) this.#tell(follower.observer, next);
      }
    }
    this.#telling = false;
  }

  #tell(observer: LogObserver, notice: LogBatch): void {
    try {
      if (notice === ending) observer.closed();
      else if (notice === disturbance) observer.disturbed();
      else observer.appended(notice);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    try {
      this.#failed(error);
    } catch {
      // Left to itself it would end the round, and the observers after this one would miss it.
    }
  }
}
