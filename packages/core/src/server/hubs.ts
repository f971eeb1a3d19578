import {
  type Cursor,
  type Draft,
  HoldfastError,
  type Limits,
  namespaceOf,
  type Start,
} from "@holdfast/protocol";
import type { AppendResult, Broker, LogRange, LogState, ReadLimits } from "../broker/port.ts";
import { Alarm } from "./alarm.ts";
import type { Batch } from "./batch.ts";
import { checkDrafts } from "./drafts.ts";
import { Hub, type HubHost } from "./hub.ts";
import { Lobbies } from "./lobbies.ts";
import type { LobbyNews, Neighbours } from "./neighbours.ts";
import { type Page, Pages } from "./page.ts";
import { PublishRates, type Source } from "./publish-rates.ts";
import type { Reader, Receiver } from "./reader.ts";
import { Registry } from "./registry.ts";
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
  /** Resolves when everything else that happens on this node has had its turn; at once unless given. */
  turn?(): Promise<void>;
  /** Hears that a limit was the reason to refuse something. */
  onRefusal?(limit: string): void;
  /** Yields numbers from 0 up to, but not including, 1, by which those who are told to wait are spread. 0 unless given. */
  random?(): number;
  /**
   * Hears of faults: whatever was thrown that is no outcome, and which no client is told in its own words; and in which
   * session, where it was in one.
   */
  onError?(fault: unknown, session?: string): void;
  /**
   * Hears of each batch, once for all readers at the front (`isLive`) or for one that was behind, when it has been handed
   * to so many of them. It does not throw.
   */
  onDelivered?(batch: Batch, readers: number, isLive: boolean): void;
  /** Other nodes behind the same address, where there are any. */
  readonly neighbours?: Neighbours | undefined;
}

export interface HubsStats {
  readonly hubs: number;
  readonly readers: number;
  /** Of these, the ones that stand at the front of their channel. */
  readonly readersLive: number;
  readonly tailEvents: number;
  readonly tailBytes: number;
}

/** How long after the log could not be read it is tried again. */
const troubleMs = 1000;
const never = Number.POSITIVE_INFINITY;
/** More readers than this are a crowd: writing to them takes longer than anybody else should wait. */
const crowdMin = 256;

function byReaders(one: Hub, other: Hub): number {
  return one.readers - other.readers;
}

/** One node's thinking: the hubs of the channels that are read here, and the way to the logs. */
export class Hubs {
  readonly #options: HubsOptions;
  readonly #hubs: Registry;
  readonly lobbies: Lobbies;
  #dirty = new Set<Hub>();
  #scheduled = false;
  readonly #troubled = new Set<Hub>();
  readonly #pages: Pages;
  readonly #pageLimits: ReadLimits;
  readonly #rates: PublishRates;
  #troubleAt = never;
  #auditAt: number;

  constructor(options: HubsOptions) {
    this.#options = options;
    const { limits, clock, broker } = options;
    this.#hubs = new Registry({
      hubsMax: limits.channelsFollowedMax,
      refused: (limit) => this.refused(limit),
      now: () => clock.now(),
      open: (channel) => this.#open(channel),
      dropped: (hub) => this.#dropped(hub),
    });
    this.#pages = new Pages(broker);
    this.#pageLimits = { eventsMax: limits.pageEventsMax, bytesMax: limits.pageBytesMax };
    this.#rates = new PublishRates({
      limits,
      perSecondOf: (channel) => options.settings(namespaceOf(channel)).publishesPerSecond,
      random: () => options.random?.() ?? 0,
    });
    this.#auditAt = clock.now() + limits.heartbeatMs;
    this.lobbies = new Lobbies({
      limits,
      neighbours: options.neighbours,
      lobbyOf: (channel) => this.#hubs.get(channel)?.lobby,
      counting: (work) => this.counting(work),
    });
  }

  async #open(channel: string): Promise<Hub> {
    const hub = await Hub.open(channel, this.#host(channel));
    this.lobbies.opened(channel);
    return hub;
  }

  /**
   * Delivers what was appended since the last flush: one batch for each channel and cohort, the smallest audience first.
   *
   * While `isBusy` what would go to a crowd waits and is asked for again: it grows into one larger batch meanwhile.
   */
  flush(isBusy = false): void {
    const dirty = this.#dirty.size > 1 ? [...this.#dirty].sort(byReaders) : this.#dirty;
    this.#scheduled = false;
    // What is caused from here on belongs to the next tick.
    this.#dirty = new Set();
    for (const hub of dirty) {
      if (isBusy && hub.readers > crowdMin) this.#markDirty(hub);
      else hub.flush();
    }
  }

  #markDirty(hub: Hub): void {
    this.#dirty.add(hub);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule();
  }

  /** The clock was set: audits and retries go on by the time that passes from now on. */
  clockSet(now: number): void {
    this.#auditAt = now + this.#options.limits.heartbeatMs;
    if (this.#troubleAt !== never) this.#troubleAt = now + troubleMs;
    this.#rates.clear();
  }

  /** When `tick` must be called next, in ms since 1970. */
  get deadline(): number {
    return this.#hubs.isStopped ? never : Math.min(this.#auditAt, this.#troubleAt, this.lobbies.deadline);
  }

  tick(now: number): void {
    if (now >= this.#troubleAt) {
      this.#troubleAt = never;
      const troubled = [...this.#troubled];
      this.#troubled.clear();
      for (const hub of troubled) hub.resync();
    }
    this.lobbies.tick(now);
    if (now >= this.#auditAt) {
      this.#auditAt = now + this.#options.limits.heartbeatMs;
      this.#hubs.dropIdle();
      // Idle ones too: polls come and go between two audits, and each would be told that nothing is new.
      for (const hub of this.#hubs) void hub.audit();
    }
  }

  #dropped(hub: Hub): void {
    this.#dirty.delete(hub);
    this.#troubled.delete(hub);
    this.lobbies.shut(hub.channel, hub.lobby);
  }

  #trouble(hub: Hub, thrown: unknown): void {
    if (thrown !== undefined) this.report(thrown);
    if (hub.isStopped) return;
    this.#troubled.add(hub);
    if (this.#troubleAt === never) this.#troubleAt = this.#options.clock.now() + troubleMs;
  }

  /** Passes a fault on to those who run this node, with the session it was in; an outcome is none, unless it is `internal`. */
  report(thrown: unknown, session?: string): void {
    if (thrown instanceof HoldfastError && thrown.code !== "internal") return;
    try {
      this.#options.onError?.(thrown, session);
    } catch {
      // Who listens for faults must not make one of its own, least of all in the middle of a delivery.
    }
  }

  /** Counts a refusal for which a limit was the reason. */
  refused(limit: string): void {
    this.#options.onRefusal?.(limit);
  }

  /**
   * Counts what a client is about to publish or, without a channel, to signal; throws `rate_limited` when that is more than it may now.
   * Rule LIM-1.
   */
  spend(source: Source, channel: string | undefined, events: number): void {
    const refusal = this.#rates.take(source, channel, events, this.#options.clock.now());
    if (refusal === undefined) return;
    if (refusal.limit !== undefined) this.refused(refusal.limit);
    throw refusal;
  }

  #host(channel: string): HubHost {
    const { broker, settings, limits, clock, neighbours } = this.#options;
    return {
      broker,
      ...(neighbours === undefined ? {} : { tell: (news: LobbyNews) => neighbours.tell(news) }),
      sweepAt: (lobby, at) => this.lobbies.sweepAt(lobby, at),
      settings: settings(namespaceOf(channel)),
      limits,
      pageLimits: this.#pageLimits,
      now: () => clock.now(),
      turn: () => this.#options.turn?.() ?? Promise.resolve(),
      dirty: (hub) => this.#markDirty(hub),
      troubled: (hub, thrown) => this.#trouble(hub, thrown),
      idle: (hub) => this.#hubs.idle(hub),
      delivered: (batch, readers, isLive) => this.#options.onDelivered?.(batch, readers, isLive),
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
    const hub = await this.#hubs.acquire(channel);
    try {
      const cursor = await this.#locate(hub, start);
      this.#hubs.checkRunning();
      const isResuming = "after" in start && typeof start.after !== "string";
      const reader = hub.attach(receiver, cursor, isResuming);
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
    this.counting(() => checkDrafts(drafts, limits));
    if (ifMatch !== undefined && !broker.capabilities.conditionalAppend) {
      throw new HoldfastError("unsupported", `The broker ${broker.name} has no conditional append.`);
    }
    try {
      return await broker.append(channel, drafts, ifMatch);
    } catch (thrown) {
      this.#count(thrown);
      throw thrown;
    }
  }

  /** Does what may throw for a limit, and counts it where it does. */
  counting<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      this.#count(thrown);
      throw thrown;
    }
  }

  #count(thrown: unknown): void {
    if (thrown instanceof HoldfastError && thrown.limit !== undefined) this.refused(thrown.limit);
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

  stats(): HubsStats {
    let readers = 0;
    let readersLive = 0;
    let tailEvents = 0;
    let tailBytes = 0;
    for (const hub of this.#hubs) {
      readers += hub.readers;
      readersLive += hub.live;
      tailEvents += hub.tailEvents;
      tailBytes += hub.bytes;
    }
    return { hubs: this.#hubs.size, readers, readersLive, tailEvents, tailBytes };
  }

  stop(): void {
    this.#hubs.stop();
  }
}
