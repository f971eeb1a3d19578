/** Buckets of each power of two: no value is told wrong by more than 1/64 of it. */
const subBuckets = 64;
const subBucketBits = 6;
/** Up to 2^37 microseconds, about 38 hours. */
const octaves = 32;

/** A histogram in the form in which it travels between processes: bucket and count by turns. */
export type Counts = readonly number[];

/**
 * Counts whole microseconds in buckets that grow with the value, without allocating.
 *
 * The histogram of `node:perf_hooks` cannot be sent to another process, and its `record` costs more than what is measured.
 */
export class Histogram {
  readonly #counts = new Float64Array((octaves + 1) * subBuckets);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  record(us: number): void {
    const value = Math.max(us, 0);
    this.#put(bucketOf(value), 1);
  }

  #put(bucket: number, count: number): void {
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
    this.#total += count;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** The buckets that are not empty. */
  get counts(): Counts {
    const pairs: number[] = [];
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) pairs.push(bucket, count);
    return pairs;
  }

  add(counts: Counts): void {
    for (let index = 0; index + 1 < counts.length; index += 2) {
      this.#put(counts[index] ?? 0, counts[index + 1] ?? 0);
    }
  }

  /** The value, in microseconds, that this share of all (0 to 1) does not exceed; NaN when there is none. */
  quantile(share: number): number {
    if (this.#total === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(share * this.#total));
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return upperOf(bucket);
    }
    return Number.NaN;
  }
}

function bucketOf(value: number): number {
  const whole = Math.floor(value);
  if (whole < subBuckets) return whole;
  // Above 2^31 the integer operators would wrap.
  const octave = Math.min(octaves - 1, Math.floor(Math.log2(whole)) - subBucketBits);
  const within = Math.min(subBuckets * 2 - 1, Math.floor(whole / 2 ** octave)) - subBuckets;
  return (octave + 1) * subBuckets + within;
}

/** The largest value that the bucket counts. */
function upperOf(bucket: number): number {
  if (bucket < subBuckets) return bucket;
  const octave = Math.floor(bucket / subBuckets) - 1;
  return (subBuckets + (bucket % subBuckets) + 1) * 2 ** octave - 1;
}
