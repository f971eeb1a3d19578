import {
  type Cursor,
  type Draft,
  HoldfastError,
  type Limits,
  type Member,
  namespaceOf,
  type Position,
  payloadBytes,
  type Start,
} from "@holdfast/protocol";
import type { AppendResult, Broker, LogPage, LogRange, LogState, ReadLimits } from "../broker/port.ts";
import { Hub, type HubHost } from "./hub.ts";
import type { Lobby } from "./lobby.ts";
import { type Page, toPage } from "./page.ts";
import { Reader, type Receiver } from "./reader.ts";
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
}

export interface HubsStats {
  readonly hubs: number;
  readonly readers: number;
  readonly tailEvents: number;
  readonly tailBytes: number;
}

/** Who signals: the user id, and the instance of its client. */
export interface Sender {
  readonly from?: string;
  readonly instance?: string;
}

/** How long a hub that nobody reads stays, in case they come back. */
const lingerMs = 30_000;
/** How long after the log could not be read it is tried again. */
const troubleMs = 1000;

/** One node's thinking: the hubs of the channels that are read here, and the way to the logs. */
export class Hubs {
  readonly #options: HubsOptions;
  readonly #hubs = new Map<string, Hub>();
  readonly #opening = new Map<string, Promise<Hub>>();
  readonly #dirty = new Set<Hub>();
  readonly #troubled = new Set<Hub>();
  /** Hubs without readers, by when they began to be idle, oldest first. */
  readonly #idle = new Map<Hub, number>();
  readonly #pages = new Map<string, Promise<LogPage>>();
  readonly #readLimits: ReadLimits;
  /** Lobbies with a member that is leaving. */
  readonly #leaving = new Set<Lobby>();
  #sweepAt = Number.POSITIVE_INFINITY;
  #troubleAt = Number.POSITIVE_INFINITY;
  #auditAt: number;

  constructor(options: HubsOptions) {
    this.#options = options;
    const { limits, clock } = options;
    this.#readLimits = { eventsMax: limits.pageEventsMax, bytesMax: limits.pageBytesMax };
    this.#auditAt = clock.now() + limits.heartbeatMs;
  }

  /** Delivers what was appended since the last flush: one batch for each channel and cohort. */
  flush(): void {
    for (const hub of this.#dirty) {
      this.#dirty.delete(hub);
      hub.flush();
    }
  }

  /** When `tick` must be called next, in ms since 1970. */
  get deadline(): number {
    return Math.min(this.#auditAt, this.#troubleAt, this.#sweepAt);
  }

  tick(now: number): void {
    if (now >= this.#troubleAt) {
      this.#troubleAt = Number.POSITIVE_INFINITY;
      const troubled = [...this.#troubled];
      this.#troubled.clear();
      for (const hub of troubled) hub.resync();
    }
    if (now >= this.#sweepAt) this.#sweep(now);
    if (now >= this.#auditAt) {
      this.#auditAt = now + this.#options.limits.heartbeatMs;
      this.#dropIdle(now);
      // Idle ones too: polls come and go between two audits, and each would be told that nothing is new.
      for (const hub of this.#hubs.values()) void this.#audit(hub);
    }
  }

  #sweep(now: number): void {
    this.#sweepAt = Number.POSITIVE_INFINITY;
    for (const lobby of this.#leaving) {
      const next = lobby.sweep(now);
      if (next === Number.POSITIVE_INFINITY) this.#leaving.delete(lobby);
      else this.#sweepAt = Math.min(this.#sweepAt, next);
    }
  }

  /** Compares a hub's head with the log's: a node that has gone deaf notices within a heartbeat. Rule BEAT-3. */
  async #audit(hub: Hub): Promise<void> {
    try {
      const range = await this.#options.broker.range(hub.channel);
      const { epoch, offset } = hub.head;
      if (range.epoch !== epoch || range.head !== offset || range.closed !== hub.isClosed) hub.resync();
    } catch {
      this.#trouble(hub);
    }
  }

  #dropIdle(now: number): void {
    for (const [hub, since] of this.#idle) {
      if (now - since < lingerMs) return;
      this.#drop(hub);
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

  #trouble(hub: Hub): void {
    this.#troubled.add(hub);
    if (this.#troubleAt === Number.POSITIVE_INFINITY) this.#troubleAt = this.#options.clock.now() + troubleMs;
  }

  /** The hub of a channel, following its log. Rejects as the broker does. */
  async open(channel: string): Promise<Hub> {
    const known = this.#hubs.get(channel);
    if (known !== undefined) {
      if (this.#idle.delete(known)) this.#idle.set(known, this.#options.clock.now());
      return known;
    }
    let opening = this.#opening.get(channel);
    if (opening === undefined) {
      opening = this.#follow(channel).finally(() => this.#opening.delete(channel));
      this.#opening.set(channel, opening);
    }
    return await opening;
  }

  async #follow(channel: string): Promise<Hub> {
    const hub = await Hub.open(channel, this.#host(channel));
    this.#hubs.set(channel, hub);
    this.#idle.set(hub, this.#options.clock.now());
    return hub;
  }

  #host(channel: string): HubHost {
    const { broker, settings, limits, clock } = this.#options;
    return {
      broker,
      settings: settings(namespaceOf(channel)),
      limits,
      pageLimits: this.#readLimits,
      now: () => clock.now(),
      sweepAt: (lobby, at) => {
        this.#leaving.add(lobby);
        this.#sweepAt = Math.min(this.#sweepAt, at);
      },
      dirty: (hub) => {
        if (this.#dirty.size === 0) this.#options.schedule();
        this.#dirty.add(hub);
      },
      troubled: (hub) => this.#trouble(hub),
      idle: (hub) => this.#idle.set(hub, clock.now()),
    };
  }

  /** Starts a reader; its receiver may be called before this returns. */
  attach(reader: Reader): void {
    this.#idle.delete(reader.hub);
    reader.hub.attach(reader);
  }

  /** The cursor that a start stands for right now. Rules CUR-3, READ-2. */
  async locate(hub: Hub, start: Start): Promise<Cursor> {
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

  /** Reads one page; readers that need the same page at the same time share one read. */
  async page(channel: string, start: Start, limits: ReadLimits): Promise<Page> {
    let after: Position;
    if ("last" in start) {
      const { epoch, at } = await this.#options.broker.before(channel, start.last);
      after = { epoch, offset: at };
      const page = toPage(channel, after, await this.#read(channel, after, limits));
      // The cursor was chosen here, not given: what retention took since is not missed by anybody.
      return { ...page, gap: null, exact: false };
    }
    after = start.after;
    return toPage(channel, after, await this.#read(channel, after, limits));
  }

  #read(channel: string, after: Position, limits: ReadLimits): Promise<LogPage> {
    const at = typeof after === "string" ? after : `${after.epoch}-${after.offset}`;
    const key = `${channel} ${at} ${limits.eventsMax} ${limits.bytesMax}`;
    let page = this.#pages.get(key);
    if (page === undefined) {
      page = this.#options.broker.read(channel, after, limits);
      this.#pages.set(key, page);
      const forget = () => this.#pages.delete(key);
      page.then(forget, forget);
    }
    return page;
  }

  /** Calls `wake` once when a page after the cursor would not be empty; returns what cancels that. Rule JSON-3. */
  async wait(channel: string, after: Cursor, wake: () => void): Promise<() => void> {
    const hub = await this.open(channel);
    const once = (reader: Reader) => {
      if (woken) return;
      woken = true;
      hub.detach(reader);
      wake();
    };
    let woken = false;
    const receiver: Receiver = { full: false, deliver: once, gap: once, end: once, fellBehind: () => {} };
    const reader = new Reader(hub, receiver, after);
    this.attach(reader);
    return () => hub.detach(reader);
  }

  /**
   * Appends to the log, all or nothing. Rules ACK-1 to ACK-3.
   *
   * Rejects with `too_large`, `unsupported`, or as the broker does.
   */
  async publish(channel: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult> {
    const { limits, broker } = this.#options;
    if (drafts.length > limits.publishEventsMax) {
      throw new HoldfastError(
        "too_large",
        `A batch holds at most ${limits.publishEventsMax} events; this one has ${drafts.length}. Send several.`,
      );
    }
    for (const { payload } of drafts) {
      const bytes = payloadBytes(payload);
      if (bytes > limits.eventBytesMax) {
        throw new HoldfastError(
          "too_large",
          `An event carries at most ${limits.eventBytesMax} bytes; this one has ${bytes}.`,
        );
      }
    }
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

  /** Passes a signal on to those who listen on this node. Rule SIG-1. */
  async signal(channel: string, key: string, data: unknown, sender: Sender): Promise<void> {
    const hub = await this.open(channel);
    hub.lobby.signal(key, data, sender);
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
      tailBytes += hub.tailBytes;
    }
    return { hubs: this.#hubs.size, readers, tailEvents, tailBytes };
  }

  stop(): void {
    for (const hub of [...this.#hubs.values()]) this.#drop(hub);
  }
}
