import type { Limits } from "@holdfast/protocol";
import { type Bucket, fullBucket, taken, untilTaken } from "./rates.ts";

/** What an intake stops and restarts. */
export interface IntakeHost {
  readonly limits: Limits;
  /** Stops or restarts reading from the client. */
  pauseInput(paused: boolean): void;
}

/** For how long a client that says too much is left to wait: a moment for each message would cost more than the messages. */
const restMs = 250;
const never = Number.POSITIVE_INFINITY;

/**
 * Decides whether a client is read from: not while it takes no answers, nor while many of its requests are unanswered,
 * nor when it says more in a while than it may.
 * What it says meanwhile waits with it, and so costs the server nothing.
 */
export class Intake {
  readonly #host: IntakeHost;
  #unanswered = 0;
  #full = false;
  #held = false;
  #paused = false;
  #idle: (() => void) | undefined;
  /** Of what the client may say. */
  #bucket: Bucket = fullBucket;
  /** When a client that said too much is read from again. */
  #resumeAt: number | undefined;

  constructor(host: IntakeHost) {
    this.#host = host;
  }

  /** Its sink takes no more, or does again. */
  set full(full: boolean) {
    this.#full = full;
    this.#steer();
  }

  /** There is a reason of the caller's own to read no further, or there is none any more. */
  set held(held: boolean) {
    this.#held = held;
    this.#steer();
  }

  /** Counts what came from the client. Answers whether that makes it too much, for now. Rule LIM-6. */
  heard(now: number): boolean {
    const { messagesPerSecond, rateBurstMs } = this.#host.limits;
    if (messagesPerSecond === 0) return false;
    const rate = { perSecond: messagesPerSecond, burstMs: rateBurstMs };
    this.#bucket = taken(this.#bucket, 1, rate, now);
    const waitMs = untilTaken(this.#bucket, 1, rate, now);
    if (waitMs === 0 || this.#resumeAt !== undefined) return false;
    this.#resumeAt = now + Math.max(restMs, waitMs);
    this.#steer();
    return true;
  }

  /** When `tick` must be called next. */
  get deadline(): number {
    return this.#resumeAt ?? never;
  }

  tick(now: number): void {
    if (this.#resumeAt === undefined || now < this.#resumeAt) return;
    this.#resumeAt = undefined;
    this.#steer();
  }

  /** The clock was set, and with it the moments that were waited for. */
  clockSet(): void {
    this.#bucket = fullBucket;
    this.tick(never);
  }

  /** Counts a request as unanswered for as long as it takes; settles as it does. */
  async count(answer: Promise<void>): Promise<void> {
    this.#unanswered++;
    this.#steer();
    try {
      await answer;
    } finally {
      this.#unanswered--;
      this.#steer();
      if (this.#unanswered === 0) this.#idle?.();
    }
  }

  /** Whether a request is unanswered. */
  get isBusy(): boolean {
    return this.#unanswered > 0;
  }

  /** Resolves when no request is unanswered; to be asked once, with the input held. */
  async answered(): Promise<void> {
    while (this.#unanswered > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
  }

  #steer(): void {
    const { limits } = this.#host;
    const tooMany = this.#unanswered >= limits.publishesInFlightMax || this.#resumeAt !== undefined;
    const paused = this.#full || this.#held || tooMany;
    if (paused === this.#paused) return;
    this.#paused = paused;
    this.#host.pauseInput(paused);
  }
}
