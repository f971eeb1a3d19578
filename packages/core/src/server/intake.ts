import type { Limits } from "@holdfast/protocol";

/** What an intake stops and restarts. */
export interface IntakeHost {
  readonly limits: Limits;
  /** Stops or restarts reading from the client. */
  pauseInput(paused: boolean): void;
}

/**
 * Decides whether a client is read from: not while it takes no answers, nor while many of its requests are unanswered.
 * What it says meanwhile waits with it, and so costs the server nothing.
 */
export class Intake {
  readonly #host: IntakeHost;
  #unanswered = 0;
  #full = false;
  #held = false;
  #paused = false;
  #idle: (() => void) | undefined;

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
    const paused = this.#full || this.#held || this.#unanswered >= limits.publishesInFlightMax;
    if (paused === this.#paused) return;
    this.#paused = paused;
    this.#host.pauseInput(paused);
  }
}
