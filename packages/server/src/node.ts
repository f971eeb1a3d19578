import { type Broker, MemoryBroker, type MemoryStats } from "@holdfast/core/broker";
import { type Clock, Hubs, type Session } from "@holdfast/core/server";
import { HoldfastError, type Limits, namespaceOf } from "@holdfast/protocol";
import type { AuditEntry } from "./audit.ts";
import { withDeadline } from "./broker-deadline.ts";
import { NodeCompression } from "./compression/node-compression.ts";
import { Deadlines, type Timed } from "./deadlines.ts";
import { drawText } from "./draw.ts";
import { Farewells } from "./farewells.ts";
import { FileWatch, RefusalCount } from "./files.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import { type Logger, thrownField } from "./log.ts";
import { keepInMemory } from "./memory.ts";
import { Meters } from "./metrics/meters.ts";
import type { Settings } from "./options.ts";
import { Origins } from "./origins.ts";
import { Readiness } from "./readiness.ts";
import { Tick } from "./tick.ts";

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
  /** What the log in this process holds, where the node has no other. */
  readonly memory?: MemoryStats;
}

/** An answer that is held back until there is something to say. */
export interface Waiter {
  /** Answers now, because the node goes away. */
  drain(): void;
}

/** A session with its connection, as the node keeps it. */
export interface Link {
  readonly session: Session;
  /** Whose deadlines count: the session's, or those of its dialogue. */
  readonly timed: Timed;
  /** Bytes that its connection holds because the client has not taken them. */
  readonly unsent: number;
}

/** One server process: what its routes and transports share. */
export class Node {
  readonly id = drawText(8);
  readonly settings: Settings;
  readonly limits: Limits;
  readonly clock: Clock = { now: () => Date.now() };
  readonly deadlines: Deadlines;
  readonly farewells: Farewells;
  readonly tick = new Tick();
  readonly broker: Broker;
  readonly hubs: Hubs;
  readonly gatekeeper: Gatekeeper;
  readonly origins: Origins;
  readonly readiness: Readiness;
  /** Undefined: nothing is compressed. */
  readonly compression: NodeCompression | undefined;
  readonly log: Logger;
  readonly meters = new Meters();
  readonly links = new Set<Link>();
  readonly waiters = new Set<Waiter>();
  /** Sockets of the node's own listeners. */
  connections = 0;
  readonly refusals: RefusalCount;
  readonly #files: FileWatch;
  isDraining = false;
  readonly #ownBroker: Broker | undefined;
  #publishing = 0;
  #sessions = 0;

  constructor(settings: Settings) {
    this.settings = settings;
    this.limits = settings.limits;
    this.log = settings.logger;
    this.refusals = new RefusalCount(this.log);
    this.#files = new FileWatch(this.log, this.clock.now());
    this.gatekeeper = new Gatekeeper(settings, this.clock);
    this.origins = new Origins(settings.access, settings.origins);
    this.deadlines = new Deadlines({
      everyMs: sweepMs(settings),
      now: this.clock.now,
      onStep: (now, byMs) => {
        this.hubs.clockSet(now);
        for (const link of this.links) {
          link.session.clockSet(now, byMs);
          this.expect(link);
        }
      },
    });
    this.farewells = new Farewells(this.deadlines, farewellMs(settings));
    const broker = this.#chooseBroker();
    this.#ownBroker = broker === settings.broker ? undefined : broker;
    this.broker = this.#counted(withDeadline(broker, settings.brokerDeadlineMs, this.deadlines));
    this.hubs = new Hubs({
      broker: this.broker,
      clock: this.clock,
      limits: this.limits,
      settings: (namespace) => settings.namespace(namespace),
      schedule: () => this.tick.schedule(),
      turn: () => new Promise((resolve) => setImmediate(resolve)),
      neighbours: settings.neighbours,
      onError: (fault) =>
        this.log({ level: "error", message: "A session failed.", error: thrownField(fault) }),
      onRefusal: (limit) => this.meters.refused(limit),
      random: Math.random,
    });
    this.readiness = new Readiness(this);
    this.compression = settings.compression && new NodeCompression(settings.compression);
    this.tick.deliverFrom(this.hubs);
    this.deadlines.add(this.hubs);
    this.deadlines.add(this.#files);
  }

  #chooseBroker(): Broker {
    const { clock, settings } = this;
    const { broker = () => keepInMemory(this) } = settings;
    if (typeof broker !== "function") return broker;
    return broker({
      clock,
      retention: (channel) => settings.namespace(namespaceOf(channel)).retention,
    });
  }

  #counted(broker: Broker): Broker {
    return {
      ...broker,
      append: async (channel, drafts, ifMatch) => {
        this.#publishing++;
        try {
          return await broker.append(channel, drafts, ifMatch);
        } finally {
          this.#publishing--;
        }
      },
    };
  }

  get publishing(): number {
    return this.#publishing;
  }

  /** Lets one more stream or held answer in; throws `draining` or `overloaded`. */
  admit(): void {
    if (this.isDraining)
      throw new HoldfastError("draining", "This node is going away; come back, and another answers.");
    const { connectionsMax } = this.limits;
    if (this.links.size + this.waiters.size >= connectionsMax) {
      throw new HoldfastError(
        "overloaded",
        `This node serves at most ${connectionsMax} connections (connectionsMax).`,
      );
    }
  }

  nextSessionId(): string {
    return `${this.id}-${(this.#sessions++).toString(36)}`;
  }

  /** Puts on record who did what with the power to do it. */
  audit(entry: AuditEntry): void {
    this.log({ level: "info", message: "An act of administration.", audit: true, ...entry });
  }

  /** How old a stream or WebSocket that begins now may become: those that began together do not end together. Rule CALM-4. */
  drawAgeMs(): number | undefined {
    const { connectionAgeMsMax } = this.limits;
    return connectionAgeMsMax === 0 ? undefined : Math.ceil((connectionAgeMsMax * (1 + Math.random())) / 2);
  }

  enter(link: Link): void {
    this.links.add(link);
    this.deadlines.add(link.timed);
  }

  /** A link's deadline may be earlier than it was. */
  expect({ timed }: Link): void {
    this.deadlines.expect(timed, timed.deadline);
  }

  leave(link: Link): void {
    this.links.delete(link);
    this.deadlines.delete(link.timed);
  }

  /** O(sessions). */
  stats(): Stats {
    let unsentBytes = 0;
    for (const { unsent } of this.links) unsentBytes += unsent;
    return {
      unsentBytes,
      connections: this.connections,
      connectionsRefused: this.refusals.total,
      filesExhausted: this.#files.exhausted,
      sessions: this.links.size,
      waiters: this.waiters.size,
      publishing: this.#publishing,
      ...this.hubs.stats(),
      ...(this.#ownBroker instanceof MemoryBroker ? { memory: this.#ownBroker.stats() } : {}),
    };
  }

  async stop(): Promise<void> {
    this.hubs.stop();
    this.deadlines.stop();
    await this.#ownBroker?.stop();
  }
}

/** Fine enough for the shortest deadline that is configured, and coarse enough to cost nothing. */
function sweepMs({ limits, brokerDeadlineMs }: Settings): number {
  const { heartbeatMs, helloTimeoutMs, bodyTimeoutMs } = limits;
  const shortest = Math.min(heartbeatMs, helloTimeoutMs, bodyTimeoutMs, brokerDeadlineMs);
  return Math.max(10, Math.min(250, Math.floor(shortest / 10)));
}

/** Whoever is still there knows it within a heartbeat, and whoever waits for it has better to do. */
export function farewellMs({ limits }: Settings): number {
  return Math.min(5000, limits.heartbeatMs);
}
