/** What may be done in a while, and how much of that at once. */
export interface Rate {
  readonly perSecond: number;
  /** What is not used is saved up for so long. */
  readonly burstMs: number;
}

/**
 * A token bucket, kept as one number: when it will be full again, in ms since 1970. What was taken is due to come back
 * one after the other, so a bucket needs no timer, and one that is full says nothing that need be remembered.
 *
 * What costs more than the bucket holds takes all of it, and the rest on credit: otherwise it could never be had.
 */
export type Bucket = number;

/** The bucket of somebody who has taken nothing. */
export const fullBucket: Bucket = Number.NEGATIVE_INFINITY;

/** How long until this can be taken, in ms; 0 says now. */
export function untilTaken(bucket: Bucket, cost: number, { perSecond, burstMs }: Rate, now: number): number {
  const own = Math.min(burstMs, (cost * 1000) / perSecond);
  return Math.max(0, bucket - now - (burstMs - own));
}

/** The bucket after this was taken. */
export function taken(bucket: Bucket, cost: number, { perSecond }: Rate, now: number): Bucket {
  return Math.max(bucket, now) + (cost * 1000) / perSecond;
}

/** Buckets by key, of those alone who have taken something of late. */
export class Rates {
  readonly #keysMax: number;
  /** Whoever took something last comes last. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** How long until this can be taken, in ms; 0 says now. */
  wait(key: string, cost: number, rate: Rate, now: number): number {
    const bucket = this.#buckets.get(key);
    return bucket === undefined ? 0 : untilTaken(bucket, cost, rate, now);
  }

  take(key: string, cost: number, rate: Rate, now: number): void {
    const bucket = taken(this.#buckets.get(key) ?? fullBucket, cost, rate, now);
    this.#buckets.delete(key);
    if (this.#buckets.size >= this.#keysMax) this.#forgetSome(now);
    this.#buckets.set(key, bucket);
  }

  /** Forgets the full ones. Where there are none, those who took nothing for longest: better than to refuse strangers. */
  #forgetSome(now: number): void {
    for (const [key, bucket] of this.#buckets) if (bucket <= now) this.#buckets.delete(key);
    // Several at once, so that not every stranger costs a look at all.
    let tooMany = this.#buckets.size - Math.floor(this.#keysMax * 0.9);
    for (const key of this.#buckets.keys()) {
      if (--tooMany < 0) return;
      this.#buckets.delete(key);
    }
  }

  /** The clock was set: what was due by the old one is forgiven. */
  clear(): void {
    this.#buckets.clear();
  }
}
