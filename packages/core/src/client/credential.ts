import { HoldfastError } from "@holdfast/protocol";
import { Backoff } from "./backoff.ts";
import type { Turn } from "./effects.ts";
import { earliest, type Timing } from "./timing.ts";

interface Parts {
  readonly turn: Turn;
  readonly timing: Timing;
  readonly random: () => number;
  /** Whether the application gave no token to use. */
  readonly anonymous: boolean;
  /** Whether a link is in use, which lives on by the token that it has. */
  isHeld(): boolean;
}

/** A token that the application has no newer one for is not asked for again sooner than this. */
const sameAgainMs = 1000;

/** Ends that are told with a smaller difference are the same one, told over a network. */
const sameEndMs = 5000;

/**
 * The token, and the asking for it: once for all who need it, before it ends, and never the same one again after it was
 * refused. Rules CLI-9 to CLI-13.
 */
export class Credential {
  readonly #parts: Parts;
  readonly #backoff: Backoff;
  #token: string | undefined;
  /** The last one that the application gave. */
  #last: string | undefined;
  #givenAt = -Infinity;
  /** When the token ends, as the server said. */
  #endsAt = Infinity;
  /** How long it had when that was said first. */
  #lifeMs: number | undefined;
  /** When to ask for the next one. */
  #renewAt = Infinity;
  #isRenewing = false;
  /**
   * How much of the last part of its life passes before the next one is asked for, at most half: those whose tokens were
   * given at the same time, as after an outage, are not to come for new ones at the same time again.
   */
  #spread = 0;
  /** The last one that the server refused, and by which outcome. */
  #refused: { readonly token: string; readonly error: HoldfastError } | undefined;
  /** Tokens refused in a row. */
  #refusals = 0;
  /** When the cookie ends that another link was opened for. */
  #cookieEndsAt = -Infinity;
  /** The server took a credential since it refused one. */
  #wasTaken = false;
  #askedAt: number | undefined;
  #askAt: number | undefined;
  #isNeeded = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#backoff = new Backoff(parts.timing, parts.random);
  }

  get #now(): number {
    return this.#parts.turn.now;
  }

  get token(): string | undefined {
    return this.#token;
  }

  /** How often in a row no token could be had, or none that the server takes. */
  get failures(): number {
    return this.#backoff.failures;
  }

  get deadline(): number {
    const { tokenTimeoutMs } = this.#parts.timing;
    if (this.#askedAt !== undefined) return this.#askedAt + tokenTimeoutMs;
    return earliest(this.#askAt, this.#isNeeded ? this.#renewAt : undefined);
  }

  /** Whether one may speak now: a token that has ended would only be refused. Rule CLI-12. */
  get isReady(): boolean {
    return this.#parts.anonymous || (this.#token !== undefined && this.#now < this.#endsAt);
  }

  /** Whether one may speak now; asks for a token where one is needed and none is known. */
  ready(): boolean {
    if (!this.isReady) this.#ask();
    return this.isReady;
  }

  /** Whether anything uses the token: nobody is asked for one that nobody needs. */
  set isNeeded(isNeeded: boolean) {
    this.#isNeeded = isNeeded;
  }

  /** The server said how long a token is good for. Rule EXP-2. */
  lasts(token: string | undefined, forMs: number | undefined): void {
    if (token === undefined || token !== this.#token) return;
    this.#endsAt = forMs === undefined ? Infinity : this.#now + forMs;
    if (forMs === undefined || this.#isRenewing) return;
    // By its whole life: by what is left it would seem the shorter the later one hears of it.
    this.#lifeMs ??= forMs;
    const noticeMs = Math.min(this.#parts.timing.expiryNoticeMs, this.#lifeMs / 4);
    this.#renewAt = this.#endsAt - noticeMs * (1 - this.#spread);
  }

  /** This token ends soon: asks for the next one while it holds. Rule CLI-11. */
  ending(token: string | undefined, inMs: number): void {
    this.lasts(token, inMs);
    // What is said of an older one came too late.
    if (this.#parts.anonymous || token !== this.#token || this.#isRenewing) return;
    this.#renewAt = Math.min(this.#renewAt, this.#now + inMs * this.#spread);
  }

  /**
   * When to open another link, as the browser may have a newer cookie by then; `Infinity` where there is no cookie, or where
   * one that ends at the same time was told of before.
   */
  cookieEnding(inMs: number): number {
    const endsAt = this.#now + inMs;
    const isKnown = Math.abs(endsAt - this.#cookieEndsAt) < sameEndMs;
    if (!this.#parts.anonymous || isKnown) return Infinity;
    this.#cookieEndsAt = endsAt;
    return this.#now + (inMs * this.#parts.random()) / 2;
  }

  /** The application gave a token. Answers with an error when that one was refused just now, and none other can help. */
  given(token: string): HoldfastError | undefined {
    this.#askedAt = undefined;
    this.#askAt = undefined;
    this.#last = token;
    if (token === this.#refused?.token) {
      const { code, message } = this.#refused.error;
      return this.#hopeless(new HoldfastError(code, `${message} No other token was given.`));
    }
    if (token === this.#token) this.#sameAgain();
    else this.#take(token);
    return undefined;
  }

  #take(token: string | undefined): void {
    this.#token = token;
    this.#givenAt = this.#now;
    this.#endsAt = Infinity;
    this.#lifeMs = undefined;
    this.#renewAt = Infinity;
    this.#isRenewing = false;
    this.#spread = this.#parts.random() / 2;
  }

  /** The application has no newer one yet: asks again, but ever less often, the last time at its end. */
  #sameAgain(): void {
    const leftMs = this.#endsAt - this.#now;
    if (leftMs > 0) {
      this.#renewAt = Math.min(this.#endsAt, this.#now + Math.max(sameAgainMs, leftMs / 2));
    } else {
      // The application means it, so it is for the server to say.
      this.#endsAt = Infinity;
    }
  }

  /** The application could not give a token, which may be for want of a network: asks again later. */
  failed(): void {
    if (this.#askedAt !== undefined) this.#askLater();
  }

  #askLater(): void {
    this.#askedAt = undefined;
    this.#askAt = this.#now + this.#backoff.next();
  }

  /** There is reason to believe that the application can give one now. */
  hurry(): void {
    if (this.#askAt === undefined) return;
    this.#askAt = undefined;
    this.#ask();
  }

  /** The server takes this token. */
  proven(token: string | undefined): void {
    if (token !== this.#token) return;
    this.#wasTaken = true;
    this.#refusals = 0;
    this.#refused = undefined;
    this.#backoff.held(Infinity);
  }

  /** The server refused `token`. Answers with the error when no other token can help. */
  refused(token: string | undefined, error: HoldfastError): HoldfastError | undefined {
    if (this.#parts.anonymous) return this.#unknownEnded(error);
    // Another link may have found out before, and a new one is already here or asked for.
    if (token !== this.#token || token === undefined) return undefined;
    const heldMs = this.#now - this.#givenAt;
    this.#take(undefined);
    this.#refused = { token, error };
    // One that had its time, on a slow way perhaps, says nothing about the next.
    const isSpent = error.code === "token_expired" && heldMs >= this.#parts.timing.stableMs;
    if (!isSpent && ++this.#refusals > 1) return this.#hopeless(error);
    this.#ask();
    return undefined;
  }

  /** A cookie, of which nobody here knows, has ended: by now the browser may have a newer one, which is tried once. */
  #unknownEnded(error: HoldfastError): HoldfastError | undefined {
    const mayBeNewer = error.code === "token_expired" && this.#wasTaken;
    this.#wasTaken = false;
    return mayBeNewer ? undefined : error;
  }

  /** What the application gives is refused. While a link is in use that ends nothing yet. Rule CLI-13. */
  #hopeless(error: HoldfastError): HoldfastError | undefined {
    if (!this.#parts.isHeld()) return error;
    this.#parts.turn.emit({ type: "warning", error });
    this.#askLater();
    return undefined;
  }

  /** Somebody has signed in anew: what was refused before counts no more, and another token is asked for. */
  restart(): void {
    this.#refused = undefined;
    this.#refusals = 0;
    this.#askAt = undefined;
    this.#backoff.held(Infinity);
    if (this.#token !== undefined || this.#parts.isHeld()) this.#ask();
  }

  tick(): void {
    if (this.#askedAt !== undefined && this.#now >= this.#askedAt + this.#parts.timing.tokenTimeoutMs)
      this.failed();
    if (this.#askAt !== undefined && this.#now >= this.#askAt) {
      this.#askAt = undefined;
      this.#ask();
    }
    if (!this.#isNeeded || this.#now < this.#renewAt) return;
    this.#isRenewing = true;
    this.#renewAt = Infinity;
    this.#ask();
  }

  #ask(): void {
    if (this.#parts.anonymous || this.#askedAt !== undefined || this.#askAt !== undefined) return;
    this.#askedAt = this.#now;
    this.#parts.turn.emit({ type: "token", instead: this.#last });
  }
}
