import type { MemoryStats } from "@holdfast/core/broker";
import type { DrainStats } from "./calm/drain.ts";
import type { Node } from "./node.ts";

/** What a node holds and does right now. */
export interface Stats {
  /** Sockets of the node's own listener. */
  readonly connections: number;
  /** Connections that found no room, since the start: beyond connectionsMax, or the files that the process may open. */
  readonly connectionsRefused: number;
  /** How often, looking once a second, no more files could be opened; meanwhile the system drops new connections. */
  readonly filesExhausted: number;
  /** WebSockets, event streams and JSON answers of the session protocol that are being held. */
  readonly sessions: number;
  /** Subscriptions, and long polls. */
  readonly readers: number;
  /** Of these, the ones that have been given everything up to the head. */
  readonly readersLive: number;
  /** JSON answers that are being held. */
  readonly waiters: number;
  /** Channels followed, and what is kept of them. */
  readonly hubs: number;
  readonly tailEvents: number;
  readonly tailBytes: number;
  /** Appends that the broker has not answered yet. */
  readonly publishing: number;
  /** Bytes written to sessions that their clients have not taken. */
  readonly unsentBytes: number;
  /** Somebody has asked for `/health/ready` within the last minute, and would notice if it were red. */
  readonly watched?: true;
  /** How far this node has come with letting its clients go, once it does. */
  readonly drain?: DrainStats;
  /** What the log in this process holds, where the node has no other. */
  readonly memory?: MemoryStats;
}

/** O(sessions). */
export function statsOf(node: Node): Stats {
  let unsentBytes = 0;
  for (const { unsent } of node.attendance.links) unsentBytes += unsent;
  const { memory, drain } = node;
  return {
    unsentBytes,
    connections: node.connections,
    connectionsRefused: node.refusals.total,
    filesExhausted: node.filesExhausted,
    sessions: node.attendance.links.size,
    waiters: node.attendance.waiters.size,
    publishing: node.publishing,
    ...node.hubs.stats(),
    ...(node.readiness.isWatched ? { watched: true as const } : {}),
    ...(drain === undefined ? {} : { drain: drain.stats }),
    ...(memory === undefined ? {} : { memory: memory.stats() }),
  };
}
