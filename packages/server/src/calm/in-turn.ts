import { setTimeout } from "node:timers/promises";

/** Those whose turn falls into it have it together. */
export const stepMs = 50;
/** As many are enough for one turn of the event loop: other sockets wait as well. */
const atOnceMax = 200;

/**
 * Calls `visit` for each member in its turn, evenly over `overMs`; ends early when `isOver` says so. Returns how many have
 * had their turn.
 */
export async function inTurn<T>(
  members: readonly T[],
  overMs: number,
  visit: (member: T) => void,
  isOver: () => boolean,
): Promise<number> {
  const startedAt = performance.now();
  let visited = 0;
  while (visited < members.length && !isOver()) {
    const share = overMs === 0 ? 1 : (performance.now() - startedAt + stepMs) / overMs;
    const due = Math.min(members.length, visited + atOnceMax, Math.ceil(share * members.length));
    for (const member of members.slice(visited, due)) visit(member);
    const isBehind = due === visited + atOnceMax;
    visited = due;
    if (isBehind) await turn();
    else if (visited < members.length) await pause(stepMs);
  }
  return visited;
}

/** How many are looked at before everything else that happens on this node has its turn. */
const looksAtOnce = 1000;

/** Looks at all who are here now: who comes meanwhile is not met, even if it was here before. */
export async function lookAtAll<T>(members: Iterable<T>, look: (member: T) => void): Promise<void> {
  let seen = 0;
  for (const member of [...members]) {
    look(member);
    if (++seen % looksAtOnce === 0) await turn();
  }
}

/** Resolves in another turn of the event loop, when those who wait have been served. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Resolves after `ms`, or as soon as the signal is aborted. Keeps the process alive, which a signal's timeout does not:
 * it is not done before this is.
 */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms > 0) await setTimeout(ms, undefined, signal && { signal }).catch(() => {});
}
