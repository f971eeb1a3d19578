import {
  type Cursor,
  type Draft,
  HoldfastError,
  type Limits,
  type Member,
  namespaceOf,
  type Start,
} from "@holdfast/protocol";
import type { AppendResult, Broker, LogRange, LogState, ReadLimits } from "../broker/port.ts";
import { Alarm } from "./alarm.ts";
import { checkDrafts } from "./drafts.ts";
import { Hub, type HubHost } from "./hub.ts";
import { checkData, type Lobby, type Sender } from "./lobby.ts";
import { type Page, Pages } from "./page.ts";
import type { Reader, Receiver } from "./reader.ts";
import type { NamespaceSettings } from "./settings.ts";

export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
}

export interface HubsOptions {
  readonly broker: Broker;
  readonly clock: Clock;
  readonly limits: Limits;
  settings(namespace: string): NamespaceSettings;
  /** Asks for `flush` at the end of this tick; not asked again before it was called. */
  schedule(): void;
  /** Hears of faults: whatever was thrown that is no outcome, and which no client is told in its own words. */
  onError?(fault: unknown): void;
}

export interface HubsStats {
  readonly hubs: number;
  readonly readers: number;
  readonly tailEvents: number;
  readonly tailBytes: number;
}

/** How long a hub that nobody reads stays, in case they come back. */
const lingerMs = 30_000;
/** Beyond this many, those go first that nobody has read for longest. */
const idleHubsMax = 1000;
/** How long after the log could not be read it is tried again. */
const troubleMs = 1000;
const never = Number.POSITIVE_INFINITY;

/** A hub that begins to follow its log, and those who wait for it. */
interface Opening {
  readonly hub: Promise<Hub>;
  waiting: number;
}

/** One node's thinking: the hubs of the channels that are read here, and the way to the logs. */
export class Hubs {
  readonly #options: HubsOptions;
  readonly #hubs = new Map<string, Hub>();
  readonly #openings = new Map<string, Opening>();
  #dirty = new Set<Hub>();
  #scheduled = false;
  readonly #troubled = new Set<Hub>();
  /** Hubs that nobody uses, by when they began to be idle, oldest first. */
  readonly #idle = new Map<Hub, number>();
  readonly #pages: Pages;
  readonly #pageLimits: ReadLimits;
  /** Lobbies with a member that is leaving. */
  readonly #leaving = new Set<Lobby>();
  #sweepAt = never;
  #troubleAt = never;
  #auditAt: number;
  #stopped = false;

  constructor(options: HubsOptions) {
    this.#options = options;
    const { limits, clock, broker } = options;
    this.#pages = new Pages(broker);
    this.#pageLimits = { eventsMax: limits.pageEventsMax, bytesMax: limits.pageBytesMax };
    this.#auditAt = clock.now() + limits.heartbeatMs;
  }

  /** Delivers what was appended since the last flush: one batch for each channel and cohort. */
  flush(): void {
    const dirty = this.#dirty;
    this.#scheduled = false;
    // What is caused from here on belongs to the next tick.
    this.#dirty = new Set();
    for (const hub of dirty) hub.flush();
  }

  /** When `tick` must be called next, in ms since 1970. */
  get deadline(): number {
    return this.#stopped ? never : Math.min(this.#auditAt, this.#troubleAt, this.#sweepAt);
  }

  tick(now: number): void {
    if (now >= this.#troubleAt) {
      this.#troubleAt = never;
      const troubled = [...this.#troubled];
      this.#troubled.clear();
      for (const hub of troubled) hub.resync();
    }
    if (now >= this.#sweepAt) this.#sweep(now);
    if (now >= this.#auditAt) {
      this.#auditAt = now + this.#options.limits.heartbeatMs;
      this.#dropIdle(now);
      // Idle ones too: polls come and go between two audits, and each would be told that nothing is new.
      for (const hub of this.#hubs.values()) void hub.audit();
    }
  }

  #sweep(now: number): void {
    this.#sweepAt = never;
    for (const lobby of this.#leaving) {
      const next = lobby.sweep(now);
      if (next === never) this.#leaving.delete(lobby);
      else this.#sweepAt = Math.min(this.#sweepAt, next);
    }
  }

  #dropIdle(now: number): void {
    for (const [hub, since] of this.#idle) {
      if (now - since < lingerMs && this.#idle.size <= idleHubsMax) return;
      // A member in its grace is still here.
      if (hub.lobby.isEmpty) this.#drop(hub);
    }
  }

  #drop(hub: Hub): void {
    this.#idle.delete(hub);
    this.#dirty.delete(hub);
    this.#troubled.delete(hub);
    this.#leaving.delete(hub.lobby);
    this.#hubs.delete(hub.channel);
    hub.stop();
  }

  #trouble(hub: Hub, thrown: unknown): void {
    if (thrown !== undefined) this.report(thrown);
    if (hub.isStopped) return;
    this.#troubled.add(hub);
    if (this.#troubleAt === never) this.#troubleAt = this.#options.clock.now() + troubleMs;
  }

  /** Passes a fault on to those who run this node; an outcome is none, unless it is `internal`. */
  report(thrown: unknown): void {
    if (thrown instanceof HoldfastError && thrown.code !== "internal") return;
    try {
      this.#options.onError?.(thrown);
    } catch {
      // Who listens for faults must not make one of its own, least of all in the middle of a delivery.
    }
  }

  /** The hub of a channel, held until it is released. Rejects as the broker does, or with `draining`. */
  async #acquire(channel: string): Promise<Hub> {
    this.#checkRunning();
    const known = this.#hubs.get(channel);
    if (known !== undefined) {
      this.#idle.delete(known);
      known.hold();
      return known;
    }
    const opening = this.#openings.get(channel) ?? this.#open(channel);
    opening.waiting++;
    return await opening.hub;
  }

  #open(channel: string): Opening {
    const hub = Hub.open(channel, this.#host(channel)).then(
      (opened) => this.#opened(opened, opening),
      (error: unknown) => {
        this.#openings.delete(channel);
        throw error;
      },
    );
    const opening: Opening = { hub, waiting: 0 };
    this.#openings.set(channel, opening);
    return opening;
  }

  #opened(hub: Hub, { waiting }: Opening): Hub {
    this.#openings.delete(hub.channel);
    if (this.#stopped) hub.stop();
    this.#checkRunning();
    this.#hubs.set(hub.channel, hub);
    // On behalf of those who wait: until each of them goes on, it must not be dropped.
    hub.hold(waiting);
    return hub;
  }

  #checkRunning(): void {
    if (this.#stopped) throw new HoldfastError("draining", "This node is going away.");
  }

  #host(channel: string): HubHost {
    const { broker, settings, limits, clock } = this.#options;
    return {
      broker,
      settings: settings(namespaceOf(channel)),
      limits,
      pageLimits: this.#pageLimits,
      now: () => clock.now(),
      sweepAt: (lobby, at) => {
        this.#leaving.add(lobby);
        this.#sweepAt = Math.min(this.#sweepAt, at);
      },
      dirty: (hub) => {
        this.#dirty.add(hub);
        if (this.#scheduled) return;
        this.#scheduled = true;
        this.#options.schedule();
      },
      troubled: (hub, thrown) => this.#trouble(hub, thrown),
      idle: (hub) => {
        this.#idle.delete(hub);
        this.#idle.set(hub, clock.now());
        if (this.#idle.size > idleHubsMax) this.#dropIdle(clock.now());
      },
    };
  }

  /**
   * Starts a reader where a start stands; `begin` is given it before anything is delivered, and may detach it.
   *
   * Rejects as the broker does, or with `draining`.
   */
  async attach(
    channel: string,
    start: Start,
    receiver: Receiver,
    begin: (reader: Reader) => void,
  ): Promise<void> {
    const hub = await this.#acquire(channel);
    try {
      const cursor = await this.#locate(hub, start);
      this.#checkRunning();
      const reader = hub.attach(receiver, cursor);
      begin(reader);
      hub.pump(reader);
    } finally {
      hub.release();
    }
  }

  /** The cursor that a start stands for right now. Rules CUR-3, READ-2. */
  async #locate(hub: Hub, start: Start): Promise<Cursor> {
    const { broker } = this.#options;
    if ("last" in start) {
      if (start.last === 0) return hub.head;
      const { epoch, at } = await broker.before(hub.channel, start.last);
      return { epoch, offset: at };
    }
    if (start.after === "latest") return hub.head;
    if (start.after !== "oldest") return start.after;
    const { epoch, floor } = await broker.range(hub.channel);
    return { epoch, offset: floor };
  }

  /** Reads one page; requests for the same page at the same time share one read. Rejects as the broker does. */
  page(channel: string, start: Start, limits: ReadLimits): Promise<Page> {
    return this.#pages.read(channel, start, limits);
  }

  /** Calls `wake` once when a page after the cursor would not be empty; returns what cancels that. Rule JSON-3. */
  async wait(channel: string, after: Cursor, wake: () => void): Promise<() => void> {
    let cancel = () => {};
    const guarded = () => {
      try {
        wake();
      } catch (error) {
        this.report(error);
      }
    };
    await this.attach(channel, { after }, new Alarm(guarded), (reader) => {
      cancel = () => reader.hub.detach(reader);
    });
    return cancel;
  }

  /**
   * Appends to the log, all or nothing. Rules ACK-1 to ACK-3.
   *
   * Rejects with `too_large`, `unsupported`, or as the broker does.
   */
  async publish(channel: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult> {
    const { limits, broker } = this.#options;
    checkDrafts(drafts, limits);
    if (ifMatch !== undefined && !broker.capabilities.conditionalAppend) {
      throw new HoldfastError("unsupported", `The broker ${broker.name} has no conditional append.`);
    }
    return await broker.append(channel, drafts, ifMatch);
  }

  close(channel: string): Promise<LogRange> {
    return this.#options.broker.close(channel);
  }

  async state(channel: string): Promise<LogState> {
    const { broker } = this.#options;
    if (!broker.capabilities.state) {
      throw new HoldfastError("unsupported", `The broker ${broker.name} keeps no state by key.`);
    }
    return await broker.state(channel);
  }

  /** Passes a signal on to those who listen on this node; throws `too_large`. Rule SIG-1. */
  async signal(channel: string, key: string, data: unknown, sender: Sender): Promise<void> {
    checkData(data, this.#options.limits);
    // Where there is no hub nobody reads, and so nobody listens.
    this.#hubs.get(channel)?.lobby.signal(key, data, sender);
  }

  /** Who is here, by this node's knowledge. Rule PRS-1. */
  members(channel: string): readonly Member[] {
    return this.#hubs.get(channel)?.lobby.members ?? [];
  }

  stats(): HubsStats {
    let readers = 0;
    let tailEvents = 0;
    let tailBytes = 0;
    for (const hub of this.#hubs.values()) {
      readers += hub.readers;
      tailEvents += hub.tailEvents;
      tailBytes += hub.bytes;
    }
    return { hubs: this.#hubs.size, readers, tailEvents, tailBytes };
  }

  stop(): void {
    this.#stopped = true;
    for (const hub of [...this.#hubs.values()]) this.#drop(hub);
  }
}
