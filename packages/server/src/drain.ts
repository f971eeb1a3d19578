import { setTimeout } from "node:timers/promises";
import type { Node } from "./node.ts";

export interface CloseOptions {
  /** How long readiness is red before anybody is let go, in ms, so that a load balancer sends nobody more. 0 unless given. */
  readonly noticeMs?: number;
  /** Over how many ms the clients that were connected come back. 5 for each, from 1,000 to 60,000, unless given. */
  readonly spreadMs?: number;
  /** When what is still there is cut off, in ms after the notice. 10,000 unless given. */
  readonly deadlineMs?: number;
}

const spreadPerLinkMs = 5;

function spreadFor(links: number, { spreadMs }: CloseOptions): number {
  return spreadMs ?? Math.min(60_000, Math.max(1000, links * spreadPerLinkMs));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits until no publish is unanswered, for as long as `isLate` allows. */
async function settlePublishes(node: Node, isLate: () => boolean): Promise<void> {
  // Twice: what one answer lets go may be the next publish of the same connection.
  for (let quiet = 0; quiet < 2 && !isLate(); ) {
    await turn();
    quiet = node.publishing === 0 ? quiet + 1 : 0;
  }
}

/**
 * Lets everybody go: publishes are answered first, held answers are sent, and each client is told when to come back,
 * at times that spread evenly.
 */
export async function drain(node: Node, options: CloseOptions, isLate: () => boolean): Promise<void> {
  for (const waiter of [...node.waiters]) waiter.drain();
  for (const { session } of node.links) session.holdInput(true);
  await settlePublishes(node, isLate);
  const links = [...node.links];
  const spread = spreadFor(links.length, options);
  for (const [index, { session }] of links.entries()) {
    // One client to each slice of the time, somewhere in it.
    const delayMs = Math.round(((index + Math.random()) / links.length) * spread);
    session.reconnect(delayMs, "drain");
    // A thousand farewells are enough for one turn: other sockets wait as well.
    if (index % 1000 === 999) await turn();
  }
}

/** Resolves when everybody who was told to go has gone; at the deadline the rest is cut. */
export async function seeOff({ farewells }: Node, isLate: () => boolean): Promise<void> {
  while (farewells.size > 0 && !isLate()) await pause(farewellPollMs);
  farewells.cut();
}

const farewellPollMs = 20;

/**
 * Resolves after `ms`, or as soon as the signal is aborted. Keeps the process alive, which a signal's timeout does not:
 * it is not done before this is.
 */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms > 0) await setTimeout(ms, undefined, signal && { signal }).catch(() => {});
}
