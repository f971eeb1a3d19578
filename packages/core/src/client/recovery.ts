import { Backoff } from "./backoff.ts";
import type { Turn } from "./effects.ts";
import type { Evidence, Ladder } from "./ladder.ts";
import type { Timing } from "./timing.ts";

/**
 * Decides when to try again while no link is in use, and whether with another transport: a candidate that failed
 * says nothing until plain HTTP to the same origin was tried as well. Rules CLI-6 and CLI-8.
 */
export class Recovery {
  readonly #turn: Turn;
  readonly #timing: Timing;
  readonly #ladder: Ladder;
  readonly #backoff: Backoff;
  #attemptAt: number | undefined;
  /** Whether the server chose that moment. */
  #isGiven = false;
  #probe: { readonly id: number; readonly evidence: Evidence; readonly deadAt: number } | undefined;

  constructor(turn: Turn, ladder: Ladder, timing: Timing, random: () => number) {
    this.#turn = turn;
    this.#ladder = ladder;
    this.#timing = timing;
    this.#backoff = new Backoff(timing, random);
  }

  /** Failures since things were last well. */
  get failures(): number {
    return this.#backoff.failures;
  }

  /** When the next attempt is to be made; not while the last one is still looked into. */
  get attemptAt(): number {
    if (this.#probe !== undefined) return Infinity;
    return this.#attemptAt ?? -Infinity;
  }

  /** When the probe counts as failed. */
  get probeDeadAt(): number {
    return this.#probe?.deadAt ?? Infinity;
  }

  /** An attempt began, or one is no longer needed. */
  clear(): void {
    this.#attemptAt = undefined;
    this.#probe = undefined;
  }

  /** A link that had been good for a while was lost. */
  lost(heldMs: number, serverDelayMs?: number): void {
    this.#backoff.held(heldMs);
    this.later(serverDelayMs);
  }

  /** Tries again after a backoff. */
  later(serverDelayMs?: number): void {
    this.#isGiven = serverDelayMs !== undefined;
    this.#attemptAt = this.#turn.now + this.#backoff.next(serverDelayMs);
  }

  /** There is reason to believe that it goes now. What the server asked for still holds. */
  hurry(): void {
    if (this.#attemptAt !== undefined && !this.#isGiven) this.#attemptAt = this.#turn.now;
  }

  /** A candidate failed before its first byte. */
  investigate(evidence: Evidence): void {
    this.#probe = {
      id: this.#turn.nextId(),
      evidence,
      deadAt: this.#turn.now + this.#timing.firstByteTimeoutMs,
    };
    this.#turn.emit({ type: "probe", probe: this.#probe.id });
  }

  /** Plain HTTP to the same origin works, or it does not; or the server is there and has no room, which explains all. */
  probed(id: number, works: boolean, busyForMs?: number): void {
    if (this.#probe?.id !== id) return;
    const { evidence } = this.#probe;
    this.#probe = undefined;
    if (busyForMs !== undefined) {
      this.later(busyForMs);
      return;
    }
    if (!works) this.#ladder.outage();
    const isDowngraded = works && this.#ladder.failed(evidence, this.#turn.now);
    if (isDowngraded) this.#attemptAt = this.#turn.now;
    else this.later();
  }

  tick(): void {
    if (this.#probe !== undefined && this.#probe.deadAt <= this.#turn.now) this.probed(this.#probe.id, false);
  }
}
