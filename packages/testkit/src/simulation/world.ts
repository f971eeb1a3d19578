import { createHash } from "node:crypto";
import type { Effect, Timing, Transport } from "@holdfast/core/client";
import type { Gate } from "@holdfast/core/server";
import { defaultLimits, type Draft, HoldfastError, type Limits, sameCursor } from "@holdfast/protocol";
import { Checker } from "./checker.ts";
import { Client, type ClientHost } from "./client.ts";
import { type Down, Line, type LineHost, type Obstacle, type Request } from "./line.ts";
import { LogEngine } from "./log-engine.ts";
import { NodeBroker } from "./node-broker.ts";
import type { WorldOptions } from "./options.ts";
import type { Action, StartKind, Step } from "./plan.ts";
import { Random } from "./random.ts";
import { type Bounds, type NodeHost, ServerNode } from "./server-node.ts";
import { Timeline } from "./timeline.ts";
import type { Violation } from "./violation.ts";

/** Breaks the world on purpose, to see whether the checker notices. */
export interface Sabotage {
  readonly engine?: (engine: LogEngine) => LogEngine;
  /** What a client's core wants done, as it is done. */
  readonly effect?: (effect: Effect) => readonly Effect[];
  /** What a client says first. */
  readonly hello?: (text: string) => string;
  /** What arrives at a client. */
  readonly down?: (item: Down, deliver: (item: Down) => void) => void;
  /** Sinks are never full. */
  readonly isInsatiable?: boolean;
}

export interface WorldReport {
  readonly violations: readonly Violation[];
  /** The same for the same world and plan. */
  readonly hash: string;
  readonly happenings: number;
  readonly seen: number;
  readonly gaps: number;
  readonly acknowledged: number;
}

const startOfTime = 1_790_000_000_000;
/** How long everything may take to heal once nothing goes wrong any more. */
const healMsMax = 240_000;
const brokerDeadlineMs = 1500;

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

/** Servers, clients and everything between them in one process, under a time that is made up. */
export class World {
  readonly #options: WorldOptions;
  readonly #sabotage: Sabotage;
  readonly #random: Random;
  readonly #timeline = new Timeline(startOfTime);
  readonly #checker: Checker;
  readonly #engine: LogEngine;
  readonly #limits: Limits;
  readonly #bounds: Bounds;
  readonly #nodeHost: NodeHost;
  readonly #lineHost: LineHost;
  readonly #nodes: (ServerNode | undefined)[] = [];
  readonly #clients: Client[];
  readonly #obstacles = new Map<string, Obstacle>();
  /** Where applications stood when they left a channel. */
  readonly #left = new Map<string, string>();
  #lines: Line[] = [];
  #lineIds = 0;
  #payloads = 0;
  #isHealed = false;
  readonly #trace: ((line: string) => void) | undefined;
  readonly #hash = createHash("sha256");

  constructor(options: WorldOptions, extras: { sabotage?: Sabotage; trace?: (line: string) => void } = {}) {
    this.#options = options;
    this.#sabotage = extras.sabotage ?? {};
    this.#trace = extras.trace;
    this.#random = new Random(options.seed ^ 0x2545f491);
    this.#checker = new Checker({ mode: options.mode, maxLag: options.maxLag });
    const engine = new LogEngine(this.#timeline, this.#checker, {
      retention: {
        eventsMax: options.retainedEventsMax,
        bytesMax: 1_000_000,
        ageMsMax: options.retainedMsMax,
        stateKeysMax: 1000,
        idsMax: 100_000,
        idAgeMsMax: 3_600_000,
      },
      stride: options.stride,
    });
    this.#engine = this.#sabotage.engine?.(engine) ?? engine;
    this.#limits = {
      ...defaultLimits,
      heartbeatMs: options.heartbeatMs,
      helloTimeoutMs: 3000,
      pageEventsMax: options.pageEventsMax,
      pageBytesMax: 4000,
      publishesInFlightMax: 4,
      stalledMsMax: options.stalledMsMax,
    };
    this.#bounds = {
      sinkBytesMax: options.sinkBytesMax,
      // One batch with its envelopes, and an answer to each of what may be asked at once.
      lineBytesMax: options.sinkBytesMax + 4000 + 250 * options.pageEventsMax + 12_000,
      channelsMax: options.channels,
    };
    this.#nodeHost = this.#makeNodeHost();
    this.#lineHost = {
      timeline: this.#timeline,
      delayMs: () => this.#delayMs(),
      route: (line) => this.#route(line),
      silenceMs: 30_000,
    };
    for (let index = 0; index < options.nodes; index++) this.#nodes.push(this.#startNode(index));
    this.#clients = options.clients.map((shape, index) => {
      return new Client(this.#clientHost(), {
        name: `c${index}`,
        transports: shape.transports,
        toleranceMs: shape.toleranceMs,
        timing,
        bufferedEventsMax: options.bufferedEventsMax,
        pendingPublishesMax: 50,
      });
    });
  }

  #makeNodeHost(): NodeHost {
    const { mode, maxLag, tailEventsMax } = this.#options;
    const retention = { eventsMax: 0, bytesMax: 0, ageMsMax: 0, stateKeysMax: 0, idsMax: 0, idAgeMsMax: 0 };
    return {
      timeline: this.#timeline,
      clock: { now: () => this.#timeline.now },
      random: this.#random,
      checker: this.#checker,
      limits: this.#limits,
      // Retention is the engine's; the node's settings must not matter for it.
      settings: { mode, maxLag, retention, tailEventsMax, tailBytesMax: 1_000_000 },
      gate: this.#makeGate(),
      bounds: this.#sabotage.isInsatiable
        ? { ...this.#bounds, sinkBytesMax: Number.POSITIVE_INFINITY }
        : this.#bounds,
      brokerDeadlineMs,
    };
  }

  /** Tokens are `user.expiresAt`. */
  #makeGate(): Gate {
    const { tokenLifeMs } = this.#options;
    return {
      authenticate: async (token) => {
        if (tokenLifeMs === undefined) return {};
        const [user, expiresAt] = token?.split(".") ?? [];
        await new Promise<void>((resolve) => this.#timeline.after(this.#random.below(5), resolve));
        if (user === undefined || Number(expiresAt) <= this.#timeline.now) {
          throw new HoldfastError("unauthenticated", "The token has expired.");
        }
        return { user, expiresAt: Number(expiresAt) };
      },
      authorize: () => true,
    };
  }

  #startNode(index: number): ServerNode {
    const { logDelayMsMax, untidyNotices } = this.#options;
    const broker = new NodeBroker({
      timeline: this.#timeline,
      engine: this.#engine,
      checker: this.#checker,
      random: this.#random,
      deadlineMs: brokerDeadlineMs,
      delayMsMax: logDelayMsMax,
      untidyNotices,
    });
    return new ServerNode(index, this.#nodeHost, broker);
  }

  #clientHost(): ClientHost {
    const { sabotage, options } = { sabotage: this.#sabotage, options: this.#options };
    return {
      timeline: this.#timeline,
      checker: this.#checker,
      random: this.#random,
      dial: (client, request, receive) => this.#dial(client, request, receive),
      thinkMsMax: options.thinkMsMax,
      tokenLifeMs: options.tokenLifeMs,
      lateDelivery: options.lateDelivery,
      bufferedMax: options.bufferedEventsMax + options.pageEventsMax,
      trace: (line) => this.#tell(line),
      effect: sabotage.effect ?? ((effect) => [effect]),
      hello: sabotage.hello ?? ((text) => text),
    };
  }

  #delayMs(): number {
    return this.#random.next() * this.#options.delayMsMax;
  }

  #tell(line: () => string): void {
    if (this.#trace === undefined) return;
    const text = `${(this.#timeline.now - startOfTime).toFixed(3)} ${line()}`;
    this.#hash.update(text);
    this.#trace(text);
  }

  #dial(client: string, request: Request, receive: (item: Down) => void): Line {
    const kinds = { websocket: "websocket", stream: "sse", answer: "long-poll", post: "", probe: "" } as const;
    const obstacle = this.#obstacles.get(`${client} ${kinds[request.kind]}`);
    const { down } = this.#sabotage;
    const hear = down === undefined ? receive : (item: Down) => down(item, receive);
    const line = new Line(this.#lineHost, { id: this.#lineIds++, client, request, obstacle }, hear);
    if (this.#clients.find(({ name }) => name === client)?.isOffline) line.cut({ client: true, server: true });
    else this.#lines.push(line);
    return line;
  }

  #route(line: Line): boolean {
    const nodes = this.#nodes.filter((node) => node !== undefined && !node.isDraining);
    if (nodes.length === 0) return false;
    const node = this.#random.pick(nodes) as ServerNode;
    this.#tell(() => `node ${node.index} takes ${line}`);
    node.accept(line);
    return true;
  }

  /** Does the plan, lets everything heal, and reports. */
  async run(plan: readonly Step[]): Promise<WorldReport> {
    let at = startOfTime;
    let happenings = 0;
    for (const { afterMs, action } of plan) {
      at += afterMs;
      this.#timeline.at(at, () => {
        this.#tell(() => `--- ${JSON.stringify(action)}`);
        this.#act(action);
      });
    }
    while (this.#timeline.nextAt <= at && this.#isRight) happenings += await this.#step();
    if (this.#isRight) this.#heal();
    const healedBy = at + healMsMax;
    while (this.#isRight && !this.#hasArrived() && this.#timeline.nextAt <= healedBy) happenings += await this.#step();
    if (this.#isRight) this.#checker.checkFinal();
    if (this.#isRight) happenings += await this.#end();
    return this.#report(happenings);
  }

  get #isRight(): boolean {
    return this.#checker.violations.length === 0;
  }

  async #step(): Promise<number> {
    this.#timeline.step();
    // Promises that were settled by it, and those settled by these, run before anything else happens.
    await new Promise((resolve) => setImmediate(resolve));
    for (const node of this.#nodes) {
      node?.arm();
      node?.checkBounds();
    }
    return 1;
  }

  #hasArrived(): boolean {
    const { readers, publishers } = this.#checker;
    return (
      publishers.every(({ pending }) => pending === 0) &&
      readers.every((reader) => {
        const log = this.#checker.log(reader.channel);
        const isAtHead = log !== undefined && reader.position !== undefined && sameCursor(reader.position, log.headCursor);
        return reader.isOver || (isAtHead && !log.isClosed);
      })
    );
  }

  /** When everybody has gone, nothing is kept. */
  async #end(): Promise<number> {
    let happenings = 0;
    for (const client of this.#clients) client.close();
    const emptyBy = this.#timeline.now + 90_000;
    while (this.#isRight && this.#timeline.nextAt <= emptyBy) happenings += await this.#step();
    for (const node of this.#nodes) {
      if (node === undefined) continue;
      const { hubs, readers } = node.hubs.stats();
      const left = { hubs, readers, sessions: node.sessions };
      this.#checker.bound(() => `what is left on node ${node.index} (${JSON.stringify(left)})`, hubs + readers + node.sessions, 0);
      this.#checker.bound(() => `followings left on node ${node.index}`, node.broker.followings, 0);
    }
    return happenings;
  }

  #report(happenings: number): WorldReport {
    const { violations, readers, publishers } = this.#checker;
    const sum = (list: readonly number[]) => list.reduce((total, one) => total + one, 0);
    return {
      violations,
      hash: this.#hash.digest("hex").slice(0, 16),
      happenings,
      seen: sum(readers.map(({ seen }) => seen)),
      gaps: sum(readers.map(({ gaps }) => gaps)),
      acknowledged: sum(publishers.map(({ acknowledged }) => acknowledged)),
    };
  }

  // --- what happens ----------------------------------------------------------------------------

  /** Does something, and undoes it after a while unless the world has healed by then. */
  #during(forMs: number, begin: () => void, end: () => void): void {
    begin();
    this.#timeline.after(forMs, () => {
      if (!this.#isHealed) end();
    });
  }

  #act(action: Action): void {
    switch (action.do) {
      case "publish":
        return this.#publish(action);
      case "subscribe":
        return this.#subscribe(action.client, channelName(action.channel), action.start);
      case "unsubscribe":
        return this.#unsubscribe(action.client, channelName(action.channel));
      case "pause":
        return this.#clients[action.client]?.pause(action.isPaused);
      case "close":
        // Closed by somebody who is not part of this world.
        return void this.#engine.close(channelName(action.channel));
      case "cut":
        return this.#line(action.which)?.cut({
          client: action.told === "both" || action.told === "client",
          server: action.told === "both" || action.told === "server",
        });
      case "stall": {
        const pipe = this.#line(action.which)?.[action.way];
        return this.#during(
          action.forMs,
          () => pipe?.hold("fault"),
          () => pipe?.release("fault"),
        );
      }
      case "slow": {
        const pipe = this.#line(action.which)?.down;
        return this.#during(
          action.forMs,
          () => pipe?.throttle(action.bytesPerMs),
          () => pipe?.throttle(Number.POSITIVE_INFINITY),
        );
      }
      case "block": {
        const key = `${this.#clients[action.client]?.name} ${action.transport satisfies Transport}`;
        return this.#during(
          action.forMs,
          () => this.#obstacles.set(key, action.obstacle),
          () => this.#obstacles.delete(key),
        );
      }
      case "offline": {
        const client = this.#clients[action.client];
        return this.#during(
          action.forMs,
          () => client?.setOffline(true, action.isTold),
          () => client?.setOffline(false, action.isTold),
        );
      }
      case "sleep": {
        const client = this.#clients[action.client];
        return this.#during(
          action.forMs,
          () => client?.sleep(),
          () => client?.wake(),
        );
      }
      default:
        return this.#actOnServers(action);
    }
  }

  #actOnServers(action: Extract<Action, { do: "crash" | "drain" | "partition" | "loseLog" | "deafen" }>): void {
    if (action.do === "loseLog") {
      const deaf = this.#engine.lose();
      if (action.isTold) for (const observer of deaf) observer.disturbed();
      return;
    }
    const node = this.#nodes[action.node];
    if (node === undefined) return;
    switch (action.do) {
      case "crash":
        return this.#restart(node, action.isSilent, action.forMs);
      case "drain":
        node.drain(action.withinMs);
        this.#timeline.after(action.withinMs, () => {
          if (!node.isDead) this.#restart(node, false, action.forMs);
        });
        return;
      case "partition":
        return this.#during(
          action.forMs,
          () => {
            node.broker.reach = action.reach;
          },
          () => {
            node.broker.reach = "well";
          },
        );
      case "deafen":
        return this.#during(
          action.forMs,
          () => {
            node.broker.isDeaf = true;
          },
          () => {
            node.broker.isDeaf = false;
            if (action.isTold) node.broker.disturb();
          },
        );
    }
  }

  #restart(node: ServerNode, isSilent: boolean, afterMs: number): void {
    const { index } = node;
    node.crash(isSilent);
    this.#nodes[index] = undefined;
    this.#timeline.after(afterMs, () => {
      this.#nodes[index] ??= this.#startNode(index);
    });
  }

  #line(which: number): Line | undefined {
    this.#lines = this.#lines.filter((line) => !line.isOver);
    for (const node of this.#nodes) node?.forgetLines();
    return this.#lines[which % this.#lines.length];
  }

  #publish(action: Extract<Action, { do: "publish" }>): void {
    const channel = channelName(action.channel);
    const client = this.#clients[action.client];
    const drafts = Array.from({ length: action.events }, () => this.#draft(action.kind, action.key));
    client?.publish(channel, drafts, action.isConditional ? client.positionOf(channel) : undefined);
  }

  /** Every payload is unlike every other. */
  #draft(kind: "json" | "text" | "base64", key: number | undefined): Omit<Draft, "id"> {
    const n = this.#payloads++;
    const labels = { ...(key === undefined ? {} : { key: `k${key}` }), ...(n % 3 === 0 ? { type: `t.${n}` } : {}) };
    if (kind === "base64") return { ...labels, payload: { encoding: kind, bytes: Uint8Array.of(n >> 8, n, 0xff) } };
    return { ...labels, payload: { encoding: kind, text: kind === "json" ? `{"n":${n},"ä":"\\n"}` : `no ${n}\r\n€` } };
  }

  #subscribe(index: number, channel: string, start: StartKind): void {
    const client = this.#clients[index];
    if (client === undefined) return;
    const left = this.#left.get(`${index} ${channel}`);
    if (typeof start === "number") client.subscribe(channel, { last: start });
    else if (start === "stale") client.subscribe(channel, client.startAt("gone0-7"));
    else if (start !== "resume") client.subscribe(channel, { after: start });
    else if (left === undefined) client.subscribe(channel, { after: "oldest" });
    else client.subscribe(channel, client.startAt(left));
  }

  #unsubscribe(index: number, channel: string): void {
    const client = this.#clients[index];
    const position = client?.positionOf(channel);
    if (position !== undefined) this.#left.set(`${index} ${channel}`, position);
    client?.unsubscribe(channel);
  }

  /** Nothing goes wrong any more, and every application wants to know how things stand. */
  #heal(): void {
    this.#tell(() => "--- everything is well from now on");
    this.#isHealed = true;
    this.#obstacles.clear();
    for (const line of this.#lines) {
      line.up.heal();
      line.down.heal();
    }
    for (const [index, node] of this.#nodes.entries()) {
      if (node === undefined) {
        this.#nodes[index] = this.#startNode(index);
        continue;
      }
      node.broker.reach = "well";
      node.broker.isDeaf = false;
    }
    for (const client of this.#clients) {
      client.wake();
      if (client.isOffline) client.setOffline(false, true);
      client.pause(false);
    }
  }
}

function channelName(index: number): string {
  return index === 0 ? "news" : `room:${index}`;
}
