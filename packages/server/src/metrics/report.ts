import type { MemoryStats } from "@holdfast/core/broker";
import type { SessionState } from "@holdfast/core/server";
import type { DrainStats } from "../calm/drain.ts";
import { filesMax } from "../files.ts";
import type { Node } from "../node.ts";
import { version } from "../version.ts";
import { type BrokerOperation, brokerOperations } from "./broker-calls.ts";
import { type Age, type LaggingReader, takeCensus } from "./census.ts";
import type { LoopDelay } from "./loop-delay.ts";
import { openFiles } from "./process.ts";
import type { Traffic, Transport } from "./traffic.ts";

/** A process, for people. */
export interface ProcessReport {
  readonly pid: number;
  readonly node: string;
  readonly uptimeSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  /** Absent where the system does not say. */
  readonly openFiles?: number;
  readonly openFilesMax?: number;
  /** Of the last seconds. */
  readonly eventLoop: {
    readonly delayP50Ms: number;
    readonly delayP99Ms: number;
    readonly delayMaxMs: number;
    /** From 0 to 1. */
    readonly utilization: number;
  };
}

export interface TrafficReport {
  readonly sentMessages: number;
  readonly sentBytes: number;
  readonly receivedMessages: number;
  readonly receivedBytes: number;
  readonly opened: number;
  readonly closed: Readonly<Record<string, number>>;
  readonly resumes: Readonly<Record<string, number>>;
  readonly gaps: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
}

/** What `GET /stats` says of one node. Counts are since its start. docs/operations.md describes each member. */
export interface NodeReport {
  readonly node: {
    readonly id: string;
    readonly version: string;
    readonly startedAt: string;
    readonly uptimeSeconds: number;
    readonly isReady: boolean;
    readonly isDraining: boolean;
  };
  readonly process: ProcessReport;
  readonly connections: {
    readonly total: number;
    readonly max: number;
    readonly byTransport: Readonly<Record<Transport, number>>;
    readonly byAge: Readonly<Record<Age, number>>;
    readonly unsentBytes: number;
    readonly sockets: number;
    readonly socketsRefused: number;
  };
  readonly sessions: Readonly<Record<SessionState, number>>;
  readonly channels: {
    readonly followed: number;
    readonly readers: number;
    readonly readersLagging: number;
    readonly tailEvents: number;
    readonly tailBytes: number;
  };
  /** Readers that have not been given everything, the furthest behind first, at most 20. */
  readonly lagging: readonly LaggingReader[];
  readonly traffic: Readonly<Record<Transport, TrafficReport>>;
  readonly broker: {
    readonly name: string;
    readonly callsInFlight: Readonly<Record<BrokerOperation, number>>;
    /** What the log in this process holds. */
    readonly log?: MemoryStats;
  };
  /** Where the node authenticates. */
  readonly access?: { readonly revocations: number; readonly tickets: number };
  /** Refusals by the limit that was reached. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly drain: DrainReport;
}

/** How far a node is with letting its clients go; also of those that are asked to go because they are old. */
export interface DrainReport {
  /** Asked to go, and still here. */
  readonly told: number;
  /** Have gone because they were asked to. */
  readonly gone: number;
  /** Not asked. */
  readonly stay: number;
  /** While the node goes away. */
  readonly phase?: DrainStats["phase"];
  readonly clients?: number;
  readonly left?: number;
}

const laggingMax = 20;

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

export function reportProcess(loop: LoopDelay): ProcessReport {
  const { rss, heapUsed } = process.memoryUsage();
  const { p50, p99, max, utilization } = loop.state;
  const files = openFiles();
  const most = filesMax();
  return {
    pid: process.pid,
    node: process.version,
    uptimeSeconds: Math.round(process.uptime()),
    residentBytes: rss,
    heapUsedBytes: heapUsed,
    ...(files === undefined ? {} : { openFiles: files }),
    ...(most === undefined ? {} : { openFilesMax: most }),
    eventLoop: {
      delayP50Ms: rounded(p50 * 1000),
      delayP99Ms: rounded(p99 * 1000),
      delayMaxMs: rounded(max * 1000),
      utilization: rounded(utilization),
    },
  };
}

function reportTraffic(traffic: Traffic): TrafficReport {
  return {
    sentMessages: traffic.sentMessages,
    sentBytes: traffic.sentBytes,
    receivedMessages: traffic.heardMessages,
    receivedBytes: traffic.heardBytes,
    opened: traffic.opened,
    closed: Object.fromEntries(traffic.closed),
    resumes: Object.fromEntries(traffic.resumes),
    gaps: Object.fromEntries(traffic.gaps),
    errors: Object.fromEntries(traffic.errors),
  };
}

function sum(counts: Iterable<number>): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}

/** How many have gone because they were asked to go elsewhere. */
export function goneElsewhere({ traffic }: Node): number {
  return sum(traffic.all.map(({ closed }) => (closed.get("drain") ?? 0) + (closed.get("rotate") ?? 0)));
}

/** Looks up what a node holds and has done. */
export async function reportNode(node: Node): Promise<NodeReport> {
  const [census, isReady] = await Promise.all([takeCensus(node, laggingMax), node.readiness.isReady()]);
  const { hubs, readers, readersLive, tailEvents, tailBytes } = node.hubs.stats();
  const { brokerCalls, loop, refusals } = node.meters;
  const byTransport = Object.fromEntries(
    Array.from(census.connections, ([transport, byAge]) => [transport, sum(byAge.values())]),
  ) as Record<Transport, number>;
  const byAge: Partial<Record<Age, number>> = {};
  for (const counts of census.connections.values())
    for (const [age, count] of counts) byAge[age] = (byAge[age] ?? 0) + count;
  const total = sum(Object.values(byTransport));
  return {
    node: {
      id: node.id,
      version,
      startedAt: new Date(node.startedAt).toISOString(),
      uptimeSeconds: Math.round((node.clock.now() - node.startedAt) / 1000),
      isReady,
      isDraining: node.isLeaving,
    },
    process: reportProcess(loop),
    connections: {
      total,
      max: node.limits.connectionsMax,
      byTransport,
      byAge: byAge as Record<Age, number>,
      unsentBytes: census.unsentBytes,
      sockets: node.connections,
      socketsRefused: node.refusals.total,
    },
    sessions: Object.fromEntries(census.sessions) as Record<SessionState, number>,
    channels: {
      followed: hubs,
      readers,
      readersLagging: readers - readersLive,
      tailEvents,
      tailBytes,
    },
    lagging: census.lagging,
    traffic: Object.fromEntries(
      node.traffic.all.map((traffic) => [traffic.transport, reportTraffic(traffic)]),
    ) as Record<Transport, TrafficReport>,
    broker: {
      name: node.broker.name,
      callsInFlight: Object.fromEntries(
        brokerOperations.map((operation) => [operation, brokerCalls.inFlight(operation)]),
      ) as Record<BrokerOperation, number>,
      ...(node.memory === undefined ? {} : { log: node.memory.stats() }),
    },
    ...(node.control === undefined
      ? {}
      : { access: { revocations: node.control.revocations.size, tickets: node.control.tickets.made } }),
    refusals: Object.fromEntries(refusals),
    drain: {
      told: census.moving,
      gone: goneElsewhere(node),
      stay: total - census.moving,
      ...node.drain?.stats,
    },
  };
}
