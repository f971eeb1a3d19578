import type { SessionState } from "@holdfast/core/server";
import type { Link } from "../attendance.ts";
import { lookAtAll } from "../calm/in-turn.ts";
import type { Node } from "../node.ts";
import { type Transport, transports } from "./traffic.ts";

/** How long connections have been open, as bounds in seconds; each counts those below it and above the one before. */
export const ages = [
  ["<1m", 60],
  ["<10m", 600],
  ["<1h", 3600],
  ["<6h", 21_600],
  ["<1d", 86_400],
  [">=1d", Number.POSITIVE_INFINITY],
] as const;
export type Age = (typeof ages)[number][0];

export const sessionStates = ["greeting", "live", "lagging", "full"] as const satisfies SessionState[];

/** A reader that has not read all there is. */
export interface LaggingReader {
  readonly connection: string;
  readonly transport: Transport;
  readonly address?: string;
  readonly user?: string;
  readonly channel: string;
  readonly session: SessionState;
  /** Offsets between the reader and the head; null where it stands in another log. */
  readonly lagOffsets: number | null;
  readonly unsentBytes: number;
}

/** Who is here, counted. */
export interface Census {
  readonly connections: ReadonlyMap<Transport, ReadonlyMap<Age, number>>;
  readonly sessions: ReadonlyMap<SessionState, number>;
  readonly unsentBytes: number;
  /** Connections whose clients were asked to go elsewhere. */
  readonly moving: number;
  /** Those that are furthest behind, at most as many as were asked for. */
  readonly lagging: readonly LaggingReader[];
}

function ageOf(openedAt: number, now: number): Age {
  const seconds = (now - openedAt) / 1000;
  return (ages.find(([, bound]) => seconds < bound) ?? ages[ages.length - 1])?.[0] ?? ">=1d";
}

/** Looks at every connection, in several turns where there are many. */
export async function takeCensus(node: Node, laggingMax = 0): Promise<Census> {
  const connections = new Map(
    transports.map((transport) => [transport, new Map<Age, number>(ages.map(([age]) => [age, 0]))]),
  );
  const sessions = new Map<SessionState, number>(sessionStates.map((state) => [state, 0]));
  const furthest = new Furthest(laggingMax);
  let unsentBytes = 0;
  let moving = 0;
  const now = performance.now();
  const counted = (transport: Transport, openedAt: number) => {
    const byAge = connections.get(transport);
    const age = ageOf(openedAt, now);
    byAge?.set(age, (byAge.get(age) ?? 0) + 1);
  };
  await lookAtAll(node.attendance.links, (link) => {
    const { session, openedAt, unsent, traffic } = link;
    if (session.isClosed) return;
    counted(traffic.transport, openedAt);
    const { state } = session;
    sessions.set(state, (sessions.get(state) ?? 0) + 1);
    unsentBytes += unsent;
    if (session.isMoving) moving++;
    if (laggingMax > 0 && (state === "lagging" || state === "full")) furthest.look(link, state);
  });
  for (const { openedAt } of node.attendance.waiters) counted("long-poll", openedAt);
  return { connections, sessions, unsentBytes, moving, lagging: furthest.found };
}

/** The readers that are furthest behind, of all that it is shown. */
class Furthest {
  readonly #max: number;
  #found: LaggingReader[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  get found(): readonly LaggingReader[] {
    return this.#found.sort(byLag).slice(0, this.#max);
  }

  look({ session, traffic, unsent, socket, client }: Link, state: SessionState): void {
    const { user } = session.principal;
    const address = client.forwardedFor ?? socket?.remoteAddress;
    for (const { channel, lag } of session.lags()) {
      this.#found.push({
        connection: session.id,
        transport: traffic.transport,
        ...(address === undefined ? {} : { address }),
        ...(user === undefined ? {} : { user }),
        channel,
        session: state,
        lagOffsets: lag ?? null,
        unsentBytes: unsent,
      });
      // Sorted in bulk, so that each costs O(log n).
      if (this.#found.length > 20 * this.#max) this.#found = [...this.found];
    }
  }
}

function byLag(one: LaggingReader, other: LaggingReader): number {
  return (other.lagOffsets ?? Number.POSITIVE_INFINITY) - (one.lagOffsets ?? Number.POSITIVE_INFINITY) || 0;
}
