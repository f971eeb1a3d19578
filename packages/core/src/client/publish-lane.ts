import type { Draft } from "@holdfast/protocol";

/** A publish that has no answer yet. */
export interface Pending {
  readonly ref: number;
  readonly channel: string;
  readonly drafts: readonly Draft[];
  readonly ifMatch: string | undefined;
  readonly expiresAt: number;
  /** Of its payloads. */
  readonly bytes: number;
  /** Whether it is not to go with others. */
  isAlone: boolean;
  /** Whether it ever left, so that nobody can say that it was not published. */
  wasSent: boolean;
}

/** Payload bytes beyond which no more publishes go together. */
const togetherBytesMax = 64 * 1024;

/** The publishes of one channel, in their order: those that wait, and whether some are under way. */
export class PublishLane {
  #waiting: Pending[] = [];
  #isUnderWay = false;

  get isEmpty(): boolean {
    return this.#waiting.length === 0 && !this.#isUnderWay;
  }

  /** Whether something waits and nothing is in its way. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0 && !this.#isUnderWay;
  }

  append(one: Pending): void {
    this.#waiting.push(one);
  }

  prepend(pending: readonly Pending[]): void {
    this.#waiting = [...pending, ...this.#waiting];
  }

  /** Those that may leave now, together. */
  next(eventsMax: number): readonly Pending[] {
    if (this.#isUnderWay) return [];
    const [first] = this.#waiting;
    if (first === undefined || first.isAlone) return this.#waiting.slice(0, 1);
    let { bytes } = first;
    let events = first.drafts.length;
    let count = 1;
    for (const one of this.#waiting.slice(1)) {
      bytes += one.bytes;
      events += one.drafts.length;
      if (one.isAlone || bytes > togetherBytesMax || events > eventsMax) break;
      count++;
    }
    return this.#waiting.slice(0, count);
  }

  /** The first of those that wait leave. */
  depart(pending: readonly Pending[]): void {
    this.#waiting = this.#waiting.slice(pending.length);
    this.#isUnderWay = true;
  }

  /** What was under way has its answer, or will have none. */
  arrive(): void {
    this.#isUnderWay = false;
  }

  /** It is no longer to be sent. */
  forget(one: Pending): void {
    this.#waiting = this.#waiting.filter((other) => other !== one);
  }
}
