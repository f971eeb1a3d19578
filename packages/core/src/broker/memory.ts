import type { Cursor, Draft, Position } from "@holdfast/protocol";
import { formatCursor, HoldfastError } from "@holdfast/protocol";
import { Followers } from "./followers.ts";
import { eventBytes, type Holdings, weigh } from "./holdings.ts";
import { idBytesOf } from "./known-ids.ts";
import { MemoryLog } from "./memory-log.ts";
import type { AppendResult, Broker, Capabilities, Following, LogObserver, LogPage } from "./port.ts";
import { defaultRetention, type LogRange, type LogState, type ReadLimits, type Retention } from "./port.ts";
import { Place, Recency } from "./recency.ts";

export interface MemoryLimits {
  /** Channels known at a time, those included that were only ever read. */
  readonly channelsMax: number;
  /** Memory of all channels: payloads and labels, with an allowance for what JavaScript adds to each event and id. */
  readonly bytesMax: number;
}

export const defaultMemoryLimits: MemoryLimits = {
  channelsMax: 100_000,
  bytesMax: 256 * 1024 * 1024,
};

export interface MemoryBrokerOptions {
  /** Milliseconds since 1970. */
  readonly clock: { now(): number };
  /** 6 of a-z 0-9, drawn at random for each process: it tells the logs of this one from those of the one before. */
  readonly epochSeed: string;
  /** How long a channel's log is kept; asked once, as the log is created. */
  readonly retention?: (channel: string) => Retention;
  readonly limits?: Partial<MemoryLimits>;
  /** Whether a channel's events stay however much room others need; asked once, as its log is created. */
  readonly keeps?: (channel: string) => boolean;
  /** Hears what an observer throws; nobody else does. */
  readonly observerFailed?: (error: unknown, channel: string) => void;
}

/** What a node reports of its memory broker. */
export interface MemoryStats {
  readonly channels: number;
  /** Events that can be read. */
  readonly events: number;
  /** Out of `bytesMax`. */
  readonly bytes: number;
  readonly followers: number;
}

class Channel {
  readonly name: string;
  readonly log: MemoryLog;
  /** Absent until somebody follows: most channels of a large node have nobody. */
  followers: Followers | undefined = undefined;
  /** Among the channels that may be evicted, if it is one. */
  readonly vacancy = new Place<Channel>(this);
  /** Among the channels that hold events, by their last append. */
  readonly appends = new Place<Channel>(this);
  /** It gives nothing up for others. */
  readonly isKept: boolean;

  constructor(name: string, log: MemoryLog, isKept: boolean) {
    this.name = name;
    this.log = log;
    this.isKept = isKept;
  }

  get isVacant(): boolean {
    return this.log.isVacant && (this.followers?.size ?? 0) === 0;
  }
}

/** Sweeping costs a step a channel: at a limit, where every call would ask for it, it is done once in this time. */
const sweepIntervalMs = 1000;

/**
 * Keeps the logs in this process. Nothing survives it, and there is no other node.
 *
 * At `channelsMax` the channel goes that was not used for longest among those that have no followers, no events and
 * no ids to remember. With it goes what it still knew: its state, and that it was closed. Whoever comes back to it
 * finds another epoch, and so is told of a gap. At `bytesMax` the oldest events go of the channel that was not
 * published to for longest, unless it is one that `keeps` names. Where nothing can go: `overloaded`.
 */
export class MemoryBroker implements Broker {
  readonly name = "memory";
  readonly capabilities: Capabilities = {
    conditionalAppend: true,
    durable: false,
    state: true,
    shared: false,
  };
  readonly #clock: { now(): number };
  readonly #epochSeed: string;
  readonly #retention: (channel: string) => Retention;
  readonly #limits: MemoryLimits;
  readonly #keeps: (channel: string) => boolean;
  readonly #observerFailed: (error: unknown, channel: string) => void;
  readonly #channels = new Map<string, Channel>();
  readonly #holdings: Holdings = { events: 0, bytes: 0, idBytes: 0 };
  #followers = 0;
  /** What may be evicted, by last use. */
  readonly #vacant = new Recency<Channel>();
  readonly #appends = new Recency<Channel>();
  #logsCreated = 0;
  /** Where new logs begin; 1 once a log with a past was evicted, as any name may be that one's. */
  #origin = 0;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(options: MemoryBrokerOptions) {
    if (!/^[a-z0-9]{6}$/.test(options.epochSeed)) {
      throw new HoldfastError(
        "bad_parameter",
        "The memory broker's epochSeed is 6 characters of a-z and 0-9.",
      );
    }
    this.#clock = options.clock;
    this.#epochSeed = options.epochSeed;
    this.#retention = options.retention ?? (() => defaultRetention);
    this.#limits = { ...defaultMemoryLimits, ...options.limits };
    this.#keeps = options.keeps ?? (() => false);
    this.#observerFailed = options.observerFailed ?? (() => {});
  }

  /** Payloads are taken over, not copied, unless they are views of a larger buffer. Rules ACK-1 to ACK-4, PUB-1, PUB-2. */
  async append(name: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult> {
    const now = this.#clock.now();
    const channel = this.#open(name, now);
    const weighed = drafts.map(weigh);
    let needed = 0;
    for (const { draft, payloadBytes } of weighed) {
      if (!channel.log.knows(draft)) needed += eventBytes(draft, payloadBytes) + idBytesOf(draft);
    }
    if (needed > 0) this.#admit(channel, needed, now, ifMatch);
    const { results, batch } = channel.log.append(weighed, now);
    if (batch.events.length > 0) {
      if (!channel.isKept) this.#appends.touch(channel.appends);
      this.#reclaim();
      this.#settle(channel);
      channel.followers?.appended(batch);
    }
    return { results };
  }

  async read(name: string, after: Position, limits: ReadLimits): Promise<LogPage> {
    return this.#open(name).log.read(after, limits);
  }

  async before(name: string, count: number): Promise<LogRange & { readonly at: number }> {
    const range = this.#open(name).log.range();
    return { ...range, at: Math.max(range.floor, range.head - count) };
  }

  async range(name: string): Promise<LogRange> {
    return this.#open(name).log.range();
  }

  async state(name: string): Promise<LogState> {
    return this.#open(name).log.state();
  }

  async close(name: string): Promise<LogRange> {
    const channel = this.#open(name);
    if (!channel.log.isClosed) {
      channel.log.close();
      this.#settle(channel);
      channel.followers?.closed();
    }
    return channel.log.range();
  }

  async follow(name: string, observer: LogObserver): Promise<Following> {
    const channel = this.#open(name);
    channel.followers ??= new Followers((error) => this.#observerFailed(error, name));
    const leave = channel.followers.add(observer);
    this.#followers++;
    this.#settle(channel);
    const stop = () => {
      if (!leave()) return;
      this.#followers--;
      this.#settle(channel);
    };
    return { range: channel.log.range(), stop };
  }

  async probe(): Promise<void> {
    this.#checkRunning();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const channel of this.#channels.values()) {
      channel.followers?.clear();
      channel.vacancy.leave();
      channel.appends.leave();
    }
    this.#channels.clear();
    Object.assign(this.#holdings, { events: 0, bytes: 0, idBytes: 0 });
    this.#followers = 0;
  }

  /** Gives back what has grown too old in channels that nobody calls about. O(channels). */
  sweep(): void {
    const now = this.#clock.now();
    for (const channel of this.#channels.values()) {
      channel.log.expire(now);
      this.#noteVacancy(channel);
    }
    this.#sweptAt = now;
  }

  /** O(1). */
  stats(): MemoryStats {
    const { events, bytes } = this.#holdings;
    return { channels: this.#channels.size, events, bytes, followers: this.#followers };
  }

  #checkRunning(): void {
    if (this.#stopped) throw new HoldfastError("broker_unavailable", "The memory broker has been stopped.");
  }

  /** The channel, used now, with nothing in it that is too old. */
  #open(name: string, now = this.#clock.now()): Channel {
    this.#checkRunning();
    const channel = this.#channels.get(name) ?? this.#create(name, now);
    channel.log.expire(now);
    this.#settle(channel);
    return channel;
  }

  #create(name: string, now: number): Channel {
    if (this.#channels.size >= this.#limits.channelsMax) this.#evict(now);
    const epoch = this.#epochSeed + (this.#logsCreated++).toString(36);
    const log = new MemoryLog(epoch, this.#retention(name), this.#holdings, this.#origin);
    const channel = new Channel(name, log, this.#keeps(name));
    this.#channels.set(name, channel);
    return channel;
  }

  #evict(now: number): void {
    if (this.#vacant.oldest === undefined) this.#sweepAtLimit(now);
    const channel = this.#vacant.oldest;
    if (channel === undefined) {
      throw new HoldfastError(
        "overloaded",
        `The memory broker holds ${this.#limits.channelsMax} channels, its limit, and all are in use. Raise channelsMax or shorten retention.`,
        { limit: "memory.channelsMax" },
      );
    }
    if (!channel.log.isUnwritten) this.#origin = 1;
    while (channel.log.holdsEvents) channel.log.forgetOldest();
    channel.vacancy.leave();
    channel.appends.leave();
    this.#channels.delete(channel.name);
  }

  /** Notes that a channel was used, and whether it may be evicted. */
  #settle(channel: Channel): void {
    if (channel.isVacant) this.#vacant.touch(channel.vacancy);
    else channel.vacancy.leave();
  }

  /** Notes that a channel may be evicted now, although nobody used it. */
  #noteVacancy(channel: Channel): void {
    if (channel.isVacant && channel.vacancy.list === undefined) this.#settle(channel);
  }

  /** Throws when drafts that are not duplicates may not be appended. */
  #admit({ log, name }: Channel, needed: number, now: number, ifMatch: Cursor | undefined): void {
    if (log.isClosed) throw new HoldfastError("channel_closed", `The channel ${name} takes no more events.`);
    if (ifMatch !== undefined && !log.isHead(ifMatch)) {
      const cursor = formatCursor({ epoch: log.epoch, offset: log.head });
      throw new HoldfastError("precondition_failed", `The head of ${name} is ${cursor}.`, { cursor });
    }
    const { bytesMax } = this.#limits;
    if (needed > bytesMax) {
      throw new HoldfastError(
        "too_large",
        `This takes ${needed} bytes; the memory broker's bytesMax is ${bytesMax}.`,
        { limit: "memory.bytesMax" },
      );
    }
    if (this.#holdings.idBytes + needed <= bytesMax) return;
    this.#sweepAtLimit(now);
    if (this.#holdings.idBytes + needed <= bytesMax) return;
    throw new HoldfastError(
      "overloaded",
      `The ids that publishers may still repeat leave no room in the memory broker's bytesMax, ${bytesMax}.`,
      { limit: "memory.bytesMax" },
    );
  }

  /** Makes room for what was appended last; `#admit` has seen to it that it fits. */
  #reclaim(): void {
    while (this.#holdings.bytes > this.#limits.bytesMax) {
      const channel = this.#appends.oldest;
      if (channel === undefined) return;
      channel.log.forgetOldest();
      if (channel.log.holdsEvents) continue;
      channel.appends.leave();
      this.#noteVacancy(channel);
    }
  }

  #sweepAtLimit(now: number): void {
    if (now - this.#sweptAt >= sweepIntervalMs) this.sweep();
  }
}
