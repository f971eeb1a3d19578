// Both are read from the system's monotonic clock; this is the distance between where the two begin.
const originUs = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000;

/** Microseconds by the machine's monotonic clock, which all processes share; needs no allocation. */
export function nowUs(): number {
  return Math.round(originUs + performance.now() * 1000);
}

/** Resolves in the next turn of the event loop, after what was to be done at the end of this one. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
