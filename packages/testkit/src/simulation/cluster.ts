import { defaultLimits, type Limits } from "@holdfast/protocol";
import type { Checker } from "../history/checker.ts";
import type { Authority, Change } from "./authority.ts";
import { type Forgotten, Guard } from "./guard.ts";
import type { Line, ServerEnd } from "./line.ts";
import type { Engine } from "./log-engine.ts";
import { NodeBroker } from "./node-broker.ts";
import type { WorldOptions } from "./options.ts";
import type { Action } from "./plan.ts";
import type { Random } from "./random.ts";
import { type Bounds, type NodeHost, ServerNode } from "./server-node.ts";
import type { Timeline } from "./timeline.ts";

const brokerDeadlineMs = 1500;
/** Rule REV-4: nodes know within a second. */
const toldWithinMs = 1000;
/** Payload bytes of a batch. */
const pageBytesMax = 4000;

export interface ClusterParts {
  readonly timeline: Timeline;
  readonly checker: Checker;
  readonly random: Random;
  readonly engine: Engine;
  readonly options: WorldOptions;
  /** Sinks are never full, which is wrong. */
  readonly isInsatiable: boolean;
  /** Undefined: everybody may do everything. */
  readonly authority: Authority | undefined;
  /** What nodes forget, which is wrong. */
  readonly forgets: Forgotten | undefined;
  /** Lets a test break a node's side of its lines. */
  end(end: ServerEnd): ServerEnd;
}

export type ServerAction = Extract<Action, { do: "crash" | "drain" | "partition" | "deafen" }>;

/** The nodes, some of which may be down, and what happens to them. */
export class Cluster {
  readonly #parts: ClusterParts;
  readonly #host: NodeHost;
  readonly #nodes: (ServerNode | undefined)[];
  #isHealed = false;

  constructor(parts: ClusterParts) {
    const { timeline, random, checker, options } = parts;
    const { mode, maxLag, tailEventsMax } = options;
    const retention = { eventsMax: 0, bytesMax: 0, ageMsMax: 0, stateKeysMax: 0, idsMax: 0, idAgeMsMax: 0 };
    this.#parts = parts;
    this.#host = {
      timeline,
      clock: { now: () => timeline.now },
      random,
      checker,
      limits: limitsOf(options),
      // Retention is the log's own; what a node believes of it must not matter.
      settings: { mode, maxLag, retention, tailEventsMax, tailBytesMax: 1_000_000 },
      bounds: boundsOf(parts),
      brokerDeadlineMs,
      end: (end) => parts.end(end),
    };
    this.#nodes = Array.from({ length: options.nodes }, (_, index) => this.#start(index));
  }

  #start(index: number): ServerNode {
    const { timeline, engine, random, options } = this.#parts;
    const { logDelayMsMax, untidyNotices } = options;
    const broker = new NodeBroker({
      timeline,
      engine,
      random,
      deadlineMs: brokerDeadlineMs,
      delayMsMax: logDelayMsMax,
      untidyNotices,
    });
    return new ServerNode(index, this.#host, broker, this.#guard());
  }

  #guard(): Guard | undefined {
    const { authority, timeline, random, forgets } = this.#parts;
    return authority && new Guard({ timeline, random, forgets, view: authority.view() });
  }

  /** Nodes hear of what changed, each in its own time, unless it is `atOnce`. */
  tell(change: Change, atOnce = false): void {
    const { timeline, random } = this.#parts;
    for (const node of this.#running) {
      if (atOnce) node.take(change);
      else timeline.after(random.below(toldWithinMs), () => node.take(change));
    }
  }

  get #running(): ServerNode[] {
    return this.#nodes.filter((node) => node !== undefined);
  }

  /** Gives a line to any node that takes some; no request needs the node that served the last one. */
  route(line: Line): boolean {
    const nodes = this.#running.filter(({ isDraining }) => !isDraining);
    if (nodes.length === 0) return false;
    this.#parts.random.pick(nodes).accept(line);
    return true;
  }

  /** To be called after everything that happens. */
  afterStep(): void {
    for (const node of this.#nodes) {
      node?.arm();
      node?.checkBounds();
    }
  }

  act(action: ServerAction): void {
    const node = this.#nodes[action.node];
    if (node === undefined) return;
    switch (action.do) {
      case "crash":
        this.#restart(node, action.isSilent, action.forMs);
        return;
      case "drain":
        if (node.isDraining) return;
        node.drain(action.withinMs);
        this.#parts.timeline.after(action.withinMs, () => {
          if (!node.isDead) this.#restart(node, false, action.forMs);
        });
        return;
      case "partition":
        node.broker.reach = action.reach;
        this.#later(action.forMs, () => {
          node.broker.reach = "well";
        });
        return;
      case "deafen":
        node.broker.isDeaf = true;
        this.#later(action.forMs, () => {
          node.broker.isDeaf = false;
          if (action.isTold) node.broker.disturb();
        });
        return;
    }
  }

  #later(forMs: number, end: () => void): void {
    this.#parts.timeline.after(forMs, () => {
      if (!this.#isHealed) end();
    });
  }

  #restart(node: ServerNode, isSilent: boolean, afterMs: number): void {
    const { index } = node;
    node.crash(isSilent);
    this.#nodes[index] = undefined;
    this.#parts.timeline.after(afterMs, () => {
      this.#nodes[index] ??= this.#start(index);
    });
  }

  heal(): void {
    this.#isHealed = true;
    for (const [index, node] of this.#nodes.entries()) {
      if (node === undefined) {
        this.#nodes[index] = this.#start(index);
        continue;
      }
      node.broker.reach = "well";
      node.broker.isDeaf = false;
    }
  }

  /** Once everybody has gone, and time has passed. */
  checkEmpty(): void {
    const { checker } = this.#parts;
    for (const { index, hubs, sessions, broker } of this.#running) {
      const { hubs: open, readers } = hubs.stats();
      checker.bound(() => `the hubs left on node ${index}`, open, 0);
      checker.bound(() => `the readers left on node ${index}`, readers, 0);
      checker.bound(() => `the sessions left on node ${index}`, sessions, 0);
      checker.bound(() => `the followings left on node ${index}`, broker.followings, 0);
    }
  }
}

function limitsOf({ heartbeatMs, pageEventsMax, stalledMsMax, expiryGraceMs }: WorldOptions): Limits {
  const publishesInFlightMax = 4;
  const helloTimeoutMs = 3000;
  return {
    ...defaultLimits,
    heartbeatMs,
    helloTimeoutMs,
    pageEventsMax,
    pageBytesMax,
    publishesInFlightMax,
    stalledMsMax,
    expiryGraceMs,
  };
}

function boundsOf({ options, isInsatiable }: ClusterParts): Bounds {
  const { sinkBytesMax, pageEventsMax, channels } = options;
  // A batch with its envelopes, and the answers to what may be asked while a sink is full.
  const beyond = pageBytesMax * 1.5 + 250 * pageEventsMax + 6000;
  return {
    sinkBytesMax: isInsatiable ? Number.POSITIVE_INFINITY : sinkBytesMax,
    lineBytesMax: sinkBytesMax + beyond,
    answerBytesMax: pageBytesMax + beyond,
    channelsMax: channels,
  };
}
