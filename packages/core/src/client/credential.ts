import { HoldfastError } from "@holdfast/protocol";
import { Backoff } from "./backoff.ts";
import type { Turn } from "./effects.ts";
import { earliest, type Timing } from "./timing.ts";

/**
 * The token, and the asking for it: once for all who need it, and never the same one again after it was refused.
 * Rule CLI-9.
 */
export class Credential {
  readonly #turn: Turn;
  readonly #timing: Timing;
  readonly #backoff: Backoff;
  /** Whether the application gave no token to use. */
  readonly #anonymous: boolean;
  #token: string | undefined;
  /** The last one that the server refused. */
  #refused: string | undefined;
  /** Tokens refused in a row. */
  #refusals = 0;
  #askedAt: number | undefined;
  #askAt: number | undefined;

  constructor(anonymous: boolean, turn: Turn, timing: Timing, random: () => number) {
    this.#anonymous = anonymous;
    this.#turn = turn;
    this.#timing = timing;
    this.#backoff = new Backoff(timing, random);
  }

  get token(): string | undefined {
    return this.#token;
  }

  get deadline(): number {
    const { tokenTimeoutMs } = this.#timing;
    return earliest(this.#askAt, this.#askedAt === undefined ? undefined : this.#askedAt + tokenTimeoutMs);
  }

  /** Whether one may speak now. */
  get isReady(): boolean {
    return this.#anonymous || this.#token !== undefined;
  }

  /** Whether one may speak now; asks for a token where one is needed and none is known. */
  ready(): boolean {
    if (!this.isReady) this.#ask();
    return this.isReady;
  }

  /** The token ends soon: asks for the next one while this one holds. */
  renew(): void {
    if (!this.#anonymous) this.#ask();
  }

  /** The application gave a token. Answers with an error when that one was refused just now. */
  given(token: string): HoldfastError | undefined {
    this.#askedAt = undefined;
    this.#askAt = undefined;
    this.#backoff.held(Infinity);
    if (token === this.#refused) {
      return new HoldfastError(
        "unauthenticated",
        "The server refused the token, and no other one was given.",
      );
    }
    this.#token = token;
    return undefined;
  }

  /** The application could not give a token, which may be for want of a network: asks again later. */
  failed(): void {
    this.#askedAt = undefined;
    this.#askAt = this.#turn.now + this.#backoff.next();
  }

  /** The server takes the token. */
  proven(): void {
    this.#refusals = 0;
    this.#refused = undefined;
  }

  /** The server refused `token`. Answers with the error when no other token can help. */
  refused(token: string | undefined, error: HoldfastError): HoldfastError | undefined {
    if (this.#anonymous) return error;
    // Another link may have found out before, and a new one is already here or asked for.
    if (token !== this.#token) return undefined;
    this.#token = undefined;
    this.#refused = token;
    if (++this.#refusals > 1) return error;
    this.#ask();
    return undefined;
  }

  tick(): void {
    const { now } = this.#turn;
    if (this.#askedAt !== undefined && now >= this.#askedAt + this.#timing.tokenTimeoutMs) this.failed();
    if (this.#askAt !== undefined && now >= this.#askAt) {
      this.#askAt = undefined;
      this.#ask();
    }
  }

  #ask(): void {
    if (this.#askedAt !== undefined || this.#askAt !== undefined) return;
    this.#askedAt = this.#turn.now;
    this.#turn.emit({ type: "token" });
  }
}
