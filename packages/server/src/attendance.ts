import type { Socket } from "node:net";
import { type Farewell, type Principal, reasonOf, type Session } from "@holdfast/core/server";
import type { Timed } from "./deadlines.ts";
import type { Client } from "./limits/admission.ts";
import { thrownField } from "./log.ts";
import type { Traffic } from "./metrics/traffic.ts";
import type { Node } from "./node.ts";

/** An answer that is held back until there is something to say. */
export interface Waiter {
  /** By `performance.now()`. */
  readonly openedAt: number;
  readonly client: Client;
  readonly principal: Principal;
  /** Answers now, because the node goes away. */
  drain(): void;
  /** Finds out anew whether the principal may have an answer. */
  look(): void;
}

/** What is asked of a connection's socket; afterwards it may not say any more. */
export type ConnectionSocket = Pick<Socket, "remoteAddress" | "bytesRead" | "bytesWritten">;

/** A session with its connection, as the node keeps it. */
export interface Link {
  readonly session: Session;
  /** Whose deadlines count: the session's, or those of its dialogue. */
  readonly timed: Timed;
  readonly client: Client;
  /** Bytes that its connection holds because the client has not taken them. */
  readonly unsent: number;
  readonly traffic: Traffic;
  /** By `performance.now()`. */
  readonly openedAt: number;
  readonly socket: ConnectionSocket | undefined;
}

/** Who is here: the sessions of a node, and those whose answers it holds. */
export class Attendance {
  readonly links = new Set<Link>();
  readonly waiters = new Set<Waiter>();
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  get size(): number {
    return this.links.size + this.waiters.size;
  }

  enter(link: Link): void {
    this.links.add(link);
    this.#node.admission.enter(link.client);
    this.#node.deadlines.add(link.timed);
    link.traffic.opened++;
    if (this.#node.logs("debug")) this.#logConnection("A connection opened.", link);
  }

  /** A link's deadline may be earlier than it was. */
  expect({ timed }: Link): void {
    this.#node.deadlines.expect(timed, timed.deadline);
  }

  /** Without a farewell it is the client that has left. */
  leave(link: Link, farewell?: Farewell): void {
    if (this.links.delete(link)) this.#node.admission.leave(link.client);
    this.#node.deadlines.delete(link.timed);
    const reason = farewell === undefined ? (link.session.movesFor ?? "client") : reasonOf(farewell);
    link.traffic.left(reason);
    if (!this.#node.logs("debug")) return;
    this.#logConnection("A connection closed.", link, {
      reason,
      ageMs: Math.round(performance.now() - link.openedAt),
      receivedBytes: link.socket?.bytesRead,
      sentBytes: link.socket?.bytesWritten,
    });
  }

  #logConnection(message: string, link: Link, more: object = {}): void {
    this.#node.log({ level: "debug", message, ...aboutConnection(link), ...more });
  }

  /** Faults are rare, so that a connection may be looked for among all. */
  logFault(fault: unknown, connection: string | undefined): void {
    let about: object = connection === undefined ? {} : { connection };
    for (const link of this.links) if (link.session.id === connection) about = aboutConnection(link);
    this.#node.log({ level: "error", message: "A session failed.", ...about, error: thrownField(fault) });
  }

  /** An answer is held back from now on. */
  hold(waiter: Waiter): void {
    this.waiters.add(waiter);
    this.#node.admission.enter(waiter.client);
  }

  letGo(waiter: Waiter): void {
    if (this.waiters.delete(waiter)) this.#node.admission.leave(waiter.client);
  }

  /** The clock was moved by so much. */
  clockSet(now: number, byMs: number): void {
    for (const link of this.links) {
      link.session.clockSet(now, byMs);
      this.expect(link);
    }
  }
}

/** How the log names a connection. */
function aboutConnection({ session, traffic, socket, client }: Link): object {
  const { user } = session.principal;
  const address = client.forwardedFor ?? socket?.remoteAddress;
  return {
    connection: session.id,
    transport: traffic.transport,
    ...(address === undefined ? {} : { address }),
    ...(user === undefined ? {} : { user }),
  };
}
