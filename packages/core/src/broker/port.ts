import type { Cursor, Draft, GapReason, LogEvent, Position } from "@holdfast/protocol";

/** What a broker can do; a configuration that asks for more fails at start. */
export interface Capabilities {
  /** `append` with `ifMatch`. */
  readonly conditionalAppend: boolean;
  /** Whether what was acknowledged survives the death of the engine's process. */
  readonly durable: boolean;
  /** `state`. */
  readonly state: boolean;
  /** Whether several processes that each make one see the same logs. */
  readonly shared: boolean;
}

/** Where a log begins and ends. */
export interface LogRange {
  readonly epoch: string;
  /** The offset after which nothing has been removed. */
  readonly floor: number;
  /** The offset of the newest event, or of the floor when there is none. */
  readonly head: number;
  readonly closed: boolean;
}

/** A contiguous piece of a log: every event after `from`, up to and including `to`. */
export interface LogBatch {
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly events: readonly LogEvent[];
}

/**
 * The answer to a read. `from` is where the page really starts: when that is not the cursor asked for,
 * what lies between can no longer be had.
 */
export interface LogPage extends LogBatch {
  /** The log at the moment of the read; there is more when `to < range.head`. */
  readonly range: LogRange;
  /** Why `from` is not the cursor asked for, where the broker knows; offsets alone cannot tell `expired` from `limit`. */
  readonly gap?: GapReason;
}

export interface LogState {
  readonly epoch: string;
  /** Every event at or before this offset is accounted for. */
  readonly to: number;
  /** The newest event of each key, in the order of the log. */
  readonly events: readonly LogEvent[];
  /** Keys whose newest event lies at or before this offset may have been removed by a limit; 0 when none was. */
  readonly truncatedAt: number;
}

export interface Appended {
  readonly cursor: Cursor;
  readonly at: number;
  readonly duplicate: boolean;
}

export interface AppendResult {
  /** One for each draft, in order. */
  readonly results: readonly Appended[];
}

export interface ReadLimits {
  readonly eventsMax: number;
  /** Payload bytes; a single larger event is still returned. */
  readonly bytesMax: number;
}

/** Hears a log grow. A broker may call these late, twice, or with a hole: a hub checks `from` against its head. */
export interface LogObserver {
  appended(batch: LogBatch): void;
  /** The channel takes no more events. */
  closed(): void;
  /** Something may have been missed, or the log is another one: read it again. */
  disturbed(): void;
}

export interface Following {
  /** The log at the moment following began: whatever is appended later is heard. */
  readonly range: LogRange;
  stop(): void;
}

/**
 * Where the ordered logs live, shared by all nodes.
 *
 * A channel that was never published to has an empty log with an epoch of its own.
 * What one call was answered, every later call sees, on every node: a cursor just given is beyond no head.
 * Calls reject with `broker_unavailable` when the engine cannot be reached, and with `overloaded` when a limit is.
 */
export interface Broker {
  readonly name: string;
  readonly capabilities: Capabilities;
  /**
   * Appends all drafts, contiguous and in order, or none. Drafts whose `id` is known from the same publisher (`from`) are
   * not appended again and answer as the first time. Rejects with `channel_closed`, or `precondition_failed` when
   * `ifMatch` is not the head and not every draft is a duplicate. Calls for one channel take effect in the order in
   * which they are made, also while earlier ones are pending. Rule ACK-4.
   */
  append(channel: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult>;
  /** Reads after a position, from the oldest missing event forward. An unknown cursor is read from the floor. */
  read(channel: string, after: Position, limits: ReadLimits): Promise<LogPage>;
  /** The offset `at` that lies `count` events before the head, or the floor. */
  before(channel: string, count: number): Promise<LogRange & { readonly at: number }>;
  range(channel: string): Promise<LogRange>;
  state(channel: string): Promise<LogState>;
  /** Closes the channel; closing twice is no error. */
  close(channel: string): Promise<LogRange>;
  follow(channel: string, observer: LogObserver): Promise<Following>;
  /** Resolves when an event published now would be delivered; rejects with the reason otherwise. */
  probe(): Promise<void>;
  stop(): Promise<void>;
}

/** How long a channel's log is kept; the first bound reached removes the oldest events. */
export interface Retention {
  readonly eventsMax: number;
  /** Payload bytes. */
  readonly bytesMax: number;
  readonly ageMsMax: number;
  /** Keys in the channel's state. */
  readonly stateKeysMax: number;
  /** Publishers' ids remembered, and for how long. */
  readonly idsMax: number;
  readonly idAgeMsMax: number;
}

export const defaultRetention: Retention = {
  eventsMax: 100_000,
  bytesMax: 64 * 1024 * 1024,
  ageMsMax: 24 * 3_600_000,
  stateKeysMax: 10_000,
  idsMax: 1000,
  idAgeMsMax: 120_000,
};
