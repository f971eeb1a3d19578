import type { IncomingMessage } from "node:http";
import { type Broker, MemoryBroker } from "@holdfast/core/broker";
import { type Clock, Hubs, type Principal } from "@holdfast/core/server";
import { type ErrorCode, HoldfastError, type Limits, namespaceOf } from "@holdfast/protocol";
import { Attendance } from "./attendance.ts";
import type { AuditEntry } from "./audit.ts";
import { Control } from "./auth/control.ts";
import { Gatekeeper } from "./auth/gatekeeper.ts";
import { withDeadline } from "./broker-deadline.ts";
import type { Drain } from "./calm/drain.ts";
import { Entrance } from "./calm/entrance.ts";
import { NodeCompression } from "./compression/node-compression.ts";
import { Deadlines } from "./deadlines.ts";
import { drawText } from "./draw.ts";
import { Farewells } from "./farewells.ts";
import { FileWatch, RefusalCount } from "./files.ts";
import { Admission, type Client } from "./limits/admission.ts";
import { Budget } from "./limits/budget.ts";
import { Proxies } from "./limits/proxies.ts";
import { type Logger, type LogLevel, logsAt } from "./log.ts";
import { keepInMemory } from "./memory.ts";
import { Exposition, type Families } from "./metrics/exposition.ts";
import { Meters } from "./metrics/meters.ts";
import { type NodeReport, reportNode } from "./metrics/report.ts";
import { Traffics } from "./metrics/traffic.ts";
import type { Settings } from "./options.ts";
import { Origins } from "./origins.ts";
import { Readiness } from "./readiness.ts";
import { Tick } from "./tick.ts";

/** One server process: what its routes and transports share. */
export class Node {
  readonly id = drawText(8);
  readonly settings: Settings;
  readonly limits: Limits;
  readonly clock: Clock = { now: () => Date.now() };
  /** In ms since 1970. */
  readonly startedAt = Date.now();
  readonly deadlines: Deadlines;
  readonly farewells: Farewells;
  readonly tick = new Tick();
  readonly broker: Broker;
  readonly hubs: Hubs;
  readonly gatekeeper: Gatekeeper;
  readonly origins: Origins;
  readonly proxies: Proxies;
  readonly admission: Admission;
  /** Bodies and messages that have not come whole. */
  readonly unfinished: Budget;
  readonly readiness: Readiness;
  /** Undefined where nobody is asked who they are. */
  readonly control: Control | undefined;
  /** Undefined: nothing is compressed. */
  readonly compression: NodeCompression | undefined;
  readonly log: Logger;
  readonly meters: Meters;
  readonly traffic = new Traffics();
  readonly attendance: Attendance;
  /** Sockets of the node's own listeners. */
  connections = 0;
  readonly refusals: RefusalCount;
  readonly #files: FileWatch;
  readonly entrance: Entrance;
  /** Goes away, and says so by its readiness; everything else is served as before. Rule CALM-1. */
  isLeaving = false;
  /** Lets its clients go: takes in nobody who would stay. Rule CALM-5. */
  isDraining = false;
  /** Those who would have stayed, and were refused because this node goes away. */
  turnedAway = 0;
  drain: Drain | undefined;
  readonly #ownBroker: Broker | undefined;
  #sessions = 0;
  #hasHinted = false;
  #requests = 0;
  #exposition: Exposition | undefined;

  constructor(settings: Settings) {
    this.settings = settings;
    this.meters = new Meters(this);
    this.limits = settings.limits;
    this.log = settings.logger;
    this.refusals = new RefusalCount(this.log);
    this.#files = new FileWatch(this.log, this.clock.now());
    this.proxies = new Proxies(settings.trustedProxies, settings.proxyHeader);
    this.origins = new Origins(settings.access, settings.origins, this.proxies);
    this.unfinished = new Budget(this.limits.bodiesBytesMax);
    this.admission = new Admission({
      limits: this.limits,
      meters: this.meters,
      now: this.clock.now,
      random: Math.random,
    });
    this.deadlines = new Deadlines({
      everyMs: sweepMs(settings),
      now: this.clock.now,
      onStep: (now, byMs) => {
        this.hubs.clockSet(now);
        this.admission.clockSet();
        this.control?.clockSet(now);
        this.attendance.clockSet(now, byMs);
      },
    });
    this.attendance = new Attendance(this);
    this.gatekeeper = new Gatekeeper(settings, this);
    this.farewells = new Farewells(this.deadlines, farewellMs(settings));
    const broker = this.#chooseBroker();
    this.#ownBroker = broker === settings.broker ? undefined : broker;
    this.broker = this.meters.brokerCalls.measure(
      withDeadline(broker, settings.brokerDeadlineMs, this.deadlines),
    );
    this.hubs = new Hubs({
      broker: this.broker,
      clock: this.clock,
      limits: this.limits,
      settings: (namespace) => settings.namespace(namespace),
      schedule: () => this.tick.schedule(),
      turn: () => new Promise((resolve) => setImmediate(resolve)),
      neighbours: settings.neighbours,
      onRefusal: (limit) => this.meters.refused(limit),
      random: Math.random,
      onError: (fault, session) => this.attendance.logFault(fault, session),
      onDelivered: this.meters.delivery.delivered,
    });
    this.readiness = new Readiness(this);
    this.entrance = new Entrance({
      limits: this.limits,
      now: () => performance.now(),
      worked: loopWorkMs,
      nextTurn: setImmediate,
      random: Math.random,
      refused: (limit) => this.meters.refused(limit),
    });
    this.compression = settings.compression && new NodeCompression(settings.compression);
    this.tick.deliverFrom(this.hubs);
    this.deadlines.add(this.hubs);
    this.control = this.gatekeeper.authenticates ? new Control(this) : undefined;
    this.control?.begin();
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

  /** The log in this process, where the node keeps one of its own. */
  get memory(): MemoryBroker | undefined {
    return this.#ownBroker instanceof MemoryBroker ? this.#ownBroker : undefined;
  }

  get filesExhausted(): number {
    return this.#files.exhausted;
  }

  /** Made when first asked for: most tests and many applications never ask. */
  get exposition(): Exposition {
    this.#exposition ??= new Exposition(this);
    return this.#exposition;
  }

  /** What this node has to tell, looked up anew. */
  tell<What extends "metrics" | "stats">(what: What): Promise<{ metrics: Families; stats: NodeReport }[What]>;
  tell(what: "metrics" | "stats"): Promise<Families | NodeReport> {
    return what === "metrics" ? this.exposition.families() : reportNode(this);
  }

  get publishing(): number {
    return this.meters.brokerCalls.inFlight("append");
  }

  /** Whether an entry of this level is written: what would be dropped need not be made. */
  logs(level: LogLevel): boolean {
    return logsAt(this.settings.logLevel, level);
  }

  nextRequestId(): string {
    return `${this.id}-r${(this.#requests++).toString(36)}`;
  }

  /** Who sent a request, as far as that counts. */
  clientOf(request: IncomingMessage, { user }: Principal = {}): Client {
    const { proxies } = this;
    if (!this.#hasHinted && request.headers["x-forwarded-for"] !== undefined) this.#hintAtProxy();
    const forwardedFor = proxies.isProxied(request) ? proxies.clientOf(request) : undefined;
    return { address: proxies.countedOf(request), forwardedFor, user };
  }

  /** Somebody says that it is a proxy: once that is worth a line, where nobody said whether there are any. */
  #hintAtProxy(): void {
    this.#hasHinted = true;
    if (this.settings.trustedProxies !== undefined) return;
    this.log({
      level: "info",
      message:
        "Requests say that they come through a proxy, and none is trusted: X-Forwarded-For is ignored, and clients behind it count as one, or not at all. If there is one, name it in trustedProxies.",
    });
  }

  /**
   * Lets one more stream or WebSocket begin; throws `draining`, `overloaded`, `too_many_connections` or `rate_limited`. To be asked
   * once for each: it is counted. Rules LIM-9, LIM-10.
   */
  admit(client: Client): void {
    this.checkRoom(client);
    this.admission.handshake(client.address);
  }

  /** The same for held answers, and for what was let in a moment ago: nothing is counted. */
  checkRoom(client: Client): void {
    if (this.isDraining) {
      this.turnedAway++;
      // Soon: it is another node that answers then.
      const retryAfterMs = Math.round(500 + Math.random() * 1500);
      throw new HoldfastError("draining", "This node is going away; come back, and another answers.", {
        retryAfterMs,
      });
    }
    this.admission.checkRoom(this.attendance.size, client);
  }

  /** Throws `too_many_connections` where the user has no room for one more. */
  checkUser({ user }: Principal): void {
    if (user !== undefined) this.admission.checkUser(user);
  }

  /** An outcome for which a limit is the reason, counted. */
  refusal(limit: keyof Limits, code: ErrorCode, detail: string): HoldfastError {
    this.meters.refused(limit);
    return new HoldfastError(code, detail, { limit });
  }

  nextSessionId(): string {
    return `${this.id}-${(this.#sessions++).toString(36)}`;
  }

  /** Puts on record who did what with the power to do it. */
  audit(entry: AuditEntry): void {
    const { audit, logger } = this.settings;
    const about = { outcome: "done", ...entry };
    (audit ?? logger)({ level: "info", message: "An act of administration.", audit: true, ...about });
  }

  /** How old a stream or WebSocket that begins now may become: those that began together do not end together. Rule CALM-4. */
  drawAgeMs(): number | undefined {
    const { connectionAgeMsMax } = this.limits;
    return connectionAgeMsMax === 0 ? undefined : Math.ceil((connectionAgeMsMax * (1 + Math.random())) / 2);
  }

  async stop(): Promise<void> {
    this.control?.stop();
    this.hubs.stop();
    this.deadlines.stop();
    this.meters.stop();
    this.#exposition?.stop();
    await this.#ownBroker?.stop();
  }
}

/** Processor time that this thread, and so its event loop, has taken. */
function loopWorkMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Fine enough for the shortest deadline that is configured, and coarse enough to cost nothing. */
function sweepMs({ limits, brokerDeadlineMs }: Settings): number {
  const { heartbeatMs, helloTimeoutMs, bodyTimeoutMs, authTimeoutMs } = limits;
  const shortest = Math.min(heartbeatMs, helloTimeoutMs, bodyTimeoutMs, authTimeoutMs, brokerDeadlineMs);
  return Math.max(10, Math.min(250, Math.floor(shortest / 10)));
}

/** Whoever is still there knows it within a heartbeat, and whoever waits for it has better to do. */
export function farewellMs({ limits }: Settings): number {
  return Math.min(5000, limits.heartbeatMs);
}
