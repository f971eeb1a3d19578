// Both are read from the system's monotonic clock; this is the distance between where the two begin.
const originUs = closestOrigin();

/** Of several looks the one in which least time passed between the two: a process that has to wait for a processor reads them at different moments. */
function closestOrigin(): number {
  let closest = { tookUs: Number.POSITIVE_INFINITY, originUs: 0 };
  for (let look = 0; look < 50; look++) {
    const before = process.hrtime.bigint();
    const now = performance.now() * 1000;
    const tookUs = Number(process.hrtime.bigint() - before) / 1000;
    if (tookUs < closest.tookUs) closest = { tookUs, originUs: Number(before) / 1000 + tookUs / 2 - now };
  }
  return closest.originUs;
}

/** Microseconds by the machine's monotonic clock, which all processes share; needs no allocation. */
export function nowUs(): number {
  return Math.round(originUs + performance.now() * 1000);
}

/** Resolves in the next turn of the event loop, after what was to be done at the end of this one. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
