import { createHash } from "node:crypto";
import { type Effect, heldFactor, type Timing } from "@holdfast/core/client";
import { type Hello, sameCursor } from "@holdfast/protocol";
import { Checker } from "../history/checker.ts";
import type { Violation } from "../history/violation.ts";
import { Actor } from "./actor.ts";
import { Authority } from "./authority.ts";
import { Client, type ClientHost } from "./client.ts";
import { Cluster } from "./cluster.ts";
import type { Forgotten } from "./guard.ts";
import type { Down, ServerEnd } from "./line.ts";
import { type Engine, LogEngine } from "./log-engine.ts";
import { Network } from "./network.ts";
import type { WorldOptions } from "./options.ts";
import type { Step } from "./plan.ts";
import { Random } from "./random.ts";
import { Timeline } from "./timeline.ts";

/** Breaks the world on purpose, to see whether the checker notices. */
export interface Sabotage {
  readonly engine?: (engine: Engine) => Engine;
  /** What a client's core wants done, as it is done. */
  readonly effect?: (effect: Effect) => readonly Effect[];
  /** What a client says first. */
  readonly hello?: (hello: Hello) => Hello;
  /** What arrives at a client. */
  readonly down?: (item: Down, deliver: (item: Down) => void) => void;
  /** What a node does about a line. */
  readonly end?: (end: ServerEnd) => ServerEnd;
  /** Sinks are never full. */
  readonly isInsatiable?: boolean;
  /** What nodes forget of what clients may not. */
  readonly forgets?: Forgotten;
  /** The log knows no ids of publishers. */
  readonly isForgetful?: boolean;
}

/** What came of a world. */
export interface WorldReport {
  readonly violations: readonly Violation[];
  /** The same for the same world and plan; only of a world that is traced. */
  readonly hash: string;
  readonly happenings: number;
  /** How long after the last fault everybody stood at the newest event. */
  readonly healedMs: number;
  /** Events given to applications, gaps told to them, and publishes acknowledged. */
  readonly seen: number;
  readonly gaps: number;
  readonly acknowledged: number;
  /** How often each kind of thing happened. */
  readonly counts: ReadonlyMap<string, number>;
}

const startOfTime = 1_790_000_000_000;
/** How long everything may take to heal once nothing goes wrong any more. */
const healMsMax = 240_000;
/** How long until everything is given back, when the last has gone: a silent connection's time, and an unused channel's. */
const emptyMsMax = 90_000;

/** Short against the length of a world, and in the proportions of the defaults. */
const timing: Partial<Timing> = {
  firstByteTimeoutMs: 1500,
  backoffBaseMs: 200,
  backoffCapMs: 4000,
  stableMs: 3000,
  graceMs: 500,
  lingerMs: 300,
  rememberMs: 10_000,
  climbMinMs: 3000,
  climbMaxMs: 20_000,
  jumpMs: 2000,
  verifyTimeoutMs: 500,
  tokenTimeoutMs: 3000,
  publishTimeoutMs: 12_000,
  waitMs: 4000,
};

/** Servers, clients and everything between them in one process, under a time that is made up. It lives once. */
export class World {
  readonly #timeline = new Timeline(startOfTime);
  readonly #checker: Checker;
  readonly #cluster: Cluster;
  readonly #network: Network;
  readonly #clients: readonly Client[];
  readonly #actor: Actor;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #hash = createHash("sha256");
  readonly #counts = new Map<string, number>();
  #happenings = 0;
  #healedMs = 0;

  constructor(options: WorldOptions, extras: { sabotage?: Sabotage; trace?: (line: string) => void } = {}) {
    const { sabotage = {} } = extras;
    // Another sequence than the ones that drew the world and its plan.
    const random = new Random(options.seed ^ 0x2545f491);
    const timeline = this.#timeline;
    const checker = new Checker({ mode: options.mode, maxLag: options.maxLag });
    const log = new LogEngine(timeline, checker, {
      retention: {
        eventsMax: options.retainedEventsMax,
        bytesMax: 1_000_000,
        ageMsMax: options.retainedMsMax,
        stateKeysMax: 1000,
        idsMax: sabotage.isForgetful ? 0 : 100_000,
        idAgeMsMax: 3_600_000,
      },
      stride: options.stride,
    });
    this.#trace = extras.trace;
    this.#checker = checker;
    const engine = sabotage.engine?.(log) ?? log;
    const { tokenLifeMs } = options;
    const authority = tokenLifeMs === undefined ? undefined : new Authority(timeline, tokenLifeMs);
    this.#cluster = new Cluster({
      timeline,
      checker,
      random,
      engine,
      options,
      authority,
      forgets: sabotage.forgets,
      isInsatiable: sabotage.isInsatiable ?? false,
      end: sabotage.end ?? ((end) => end),
    });
    this.#network = new Network({
      timeline,
      random,
      delayMsMax: options.delayMsMax,
      route: (line) => this.#cluster.route(line),
      down: sabotage.down,
    });
    const host: ClientHost = {
      timeline,
      checker,
      random,
      dial: (client, request, receive) => this.#network.dial(client, request, receive),
      thinkMsMax: options.thinkMsMax,
      authority,
      lateDelivery: options.lateDelivery,
      loses: () => !this.#actor.isHealed && random.chance(options.messageLoss),
      heldEventsMax: options.bufferedEventsMax * heldFactor + options.pageEventsMax,
      trace: (line) => this.#tell(line),
      count: (what) => this.#count(what),
      effect: sabotage.effect ?? ((effect) => [effect]),
      hello: sabotage.hello ?? ((hello) => hello),
    };
    const { bufferedEventsMax } = options;
    this.#clients = options.clients.map((shape, index) => {
      return new Client(host, {
        ...shape,
        name: `c${index}`,
        timing,
        bufferedEventsMax,
        pendingPublishesMax: 50,
      });
    });
    this.#actor = new Actor({
      timeline,
      engine,
      authority,
      cluster: this.#cluster,
      network: this.#network,
      clients: this.#clients,
      trace: (line) => this.#tell(line),
    });
  }

  #tell(line: () => string): void {
    if (this.#trace === undefined) return;
    const text = `${(this.#timeline.now - startOfTime).toFixed(3)} ${line()}`;
    this.#hash.update(text);
    this.#trace(text);
  }

  #count(what: string): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
  }

  /** Does the plan, lets everything heal, and reports. */
  async run(plan: readonly Step[]): Promise<WorldReport> {
    let at = startOfTime;
    for (const { afterMs, action } of plan) {
      at += afterMs;
      this.#timeline.at(at, () => {
        this.#tell(() => `--- ${JSON.stringify(action)}`);
        this.#count(`action ${action.do}`);
        this.#actor.act(action);
      });
    }
    await this.#live(at, () => false);
    this.#tell(() => "--- everything is well from now on");
    this.#actor.heal();
    await this.#live(at + healMsMax, () => this.#hasArrived());
    this.#healedMs = this.#timeline.now - at;
    if (this.#isRight) this.#checker.checkFinal();
    for (const { name, isWhole } of this.#clients) {
      if (!isWhole) this.#checker.fail("LIVE", `${name} was refused what it may read`);
    }
    for (const client of this.#clients) client.close();
    await this.#live(this.#timeline.now + emptyMsMax, () => false);
    if (this.#isRight) this.#cluster.checkEmpty();
    return this.#report();
  }

  get #isRight(): boolean {
    return this.#checker.violations.length === 0;
  }

  /** Lets time pass until a moment, or until there is nothing more to wait for, or until a promise is broken. */
  async #live(until: number, isDone: () => boolean): Promise<void> {
    while (this.#isRight && this.#timeline.nextAt <= until && !isDone()) {
      this.#timeline.step();
      this.#happenings++;
      // Promises that were settled by it, and those settled by these, run before anything else happens.
      await new Promise((resolve) => setImmediate(resolve));
      this.#cluster.afterStep();
    }
  }

  #hasArrived(): boolean {
    const { readers, publishers } = this.#checker;
    if (!this.#clients.every(({ isWhole }) => isWhole)) return false;
    if (publishers.some(({ pending }) => pending > 0)) return false;
    return readers.every(({ channel, position, isOver }) => {
      const log = this.#checker.log(channel);
      const isAtHead = log !== undefined && position !== undefined && sameCursor(position, log.headCursor);
      return isOver || (isAtHead && !log.isClosed);
    });
  }

  #report(): WorldReport {
    const { violations, readers, publishers } = this.#checker;
    const sum = (list: readonly number[]) => list.reduce((total, one) => total + one, 0);
    return {
      violations,
      hash: this.#hash.digest("hex").slice(0, 16),
      happenings: this.#happenings,
      healedMs: this.#healedMs,
      seen: sum(readers.map(({ seen }) => seen)),
      gaps: sum(readers.map(({ gaps }) => gaps)),
      acknowledged: sum(publishers.map(({ acknowledged }) => acknowledged)),
      counts: this.#counts,
    };
  }
}
