import type { Cursor, GapReason } from "@holdfast/protocol";
import type { Broker, Following, ReadLimits } from "../broker/port.ts";
import type { Batch } from "./batch.ts";
import { Cohort } from "./cohort.ts";
import { Follower } from "./follower.ts";
import { Lobby, type LobbyHost } from "./lobby.ts";
import { Reader, type Receiver } from "./reader.ts";
import type { NamespaceSettings } from "./settings.ts";
import { type Answer, SharedReads } from "./shared-reads.ts";

/** What a hub needs of the node it is part of. */
export interface HubHost extends LobbyHost {
  readonly broker: Broker;
  readonly settings: NamespaceSettings;
  readonly pageLimits: ReadLimits;
  /** Resolves when everything else that happens on this node has had its turn. */
  turn(): Promise<void>;
  /** Asks for `flush` at the end of this tick. */
  dirty(hub: Hub): void;
  /** Asks for `resync` soon: the log could not be read, or contradicted itself. */
  troubled(hub: Hub, thrown?: unknown): void;
  /** Nobody uses it any more. */
  idle(hub: Hub): void;
  /** A batch went out to so many readers: to those at the front together, or to one that was behind. */
  delivered(batch: Batch, readers: number, isLive: boolean): void;
}

/** One node's view of a channel: the recent end of its log, already encoded, and the readers on it. */
export class Hub {
  readonly channel: string;
  readonly lobby: Lobby;
  readonly #host: HubHost;
  readonly #reads: SharedReads;
  readonly #cohort: Cohort;
  readonly #follower: Follower;
  #readers = 0;
  /** Those who are about to attach a reader. */
  #holds = 0;
  #dirty = false;
  /** Readers that know of a position the hub has not reached. */
  readonly #waiting = new Set<Reader>();
  /** Readers to be pumped once the batch under way has gone out. */
  #deferred: Reader[] = [];
  /** Readers that began at a cursor, until it is known whether everything after it is still there. */
  readonly #resuming = new Set<Reader>();

  private constructor(channel: string, host: HubHost, following: Following) {
    const { settings, pageLimits, broker } = host;
    const { epoch, head } = following.range;
    this.channel = channel;
    this.#host = host;
    const delivered = (batch: Batch, readers: number) => host.delivered(batch, readers, true);
    this.#cohort = new Cohort(channel, settings, pageLimits, { epoch, offset: head }, delivered);
    const keep = (batches: readonly Batch[]) => this.#cohort.keep(batches);
    const turn = () => host.turn();
    this.#reads = new SharedReads(channel, { broker, mode: settings.mode, pageLimits, keep, turn });
    this.lobby = new Lobby(channel, host, () => this.#markDirty());
    const follower = {
      broker,
      pageLimits,
      moved: () => this.#markDirty(),
      flush: () => this.flush(),
      restarted: (stranded: readonly Reader[]) => this.#restarted(stranded),
      caughtUp: () => this.#caughtUp(),
      troubled: (thrown: unknown) => host.troubled(this, thrown),
    };
    this.#follower = new Follower(channel, follower, this.#cohort, following);
  }

  /** Begins to follow a channel's log; rejects as the broker does. */
  static async open(channel: string, host: HubHost): Promise<Hub> {
    let follower: Follower | undefined;
    // What is heard before the hub stands cannot be placed: the log is read for it.
    let early = false;
    const hear = (tell: (follower: Follower) => void) => {
      if (follower === undefined) early = true;
      else tell(follower);
    };
    const following = await host.broker.follow(channel, {
      appended: (batch) => hear((follower) => follower.appended(batch)),
      closed: () => hear((follower) => follower.resync()),
      disturbed: () => hear((follower) => follower.resync()),
    });
    const hub = new Hub(channel, host, following);
    follower = hub.#follower;
    if (early) hub.resync();
    return hub;
  }

  get head(): Cursor {
    return { epoch: this.#cohort.epoch, offset: this.#cohort.head };
  }

  get front(): Cursor {
    return { epoch: this.#cohort.epoch, offset: this.#cohort.front };
  }

  get readers(): number {
    return this.#readers;
  }

  /** Readers that stand at the front. */
  get live(): number {
    return this.#cohort.live.size;
  }

  get tailEvents(): number {
    return this.#cohort.tailEvents;
  }

  /** Bytes in memory, of the tail and of what is kept for readers that lag. */
  get bytes(): number {
    return this.#cohort.bytes;
  }

  stop(): void {
    this.#follower.stop();
  }

  get isStopped(): boolean {
    return this.#follower.isStopped;
  }

  /** Keeps the hub until as many `release`, in which time readers may be attached. */
  hold(count = 1): void {
    this.#holds += count;
  }

  release(): void {
    this.#holds--;
    this.#checkIdle();
  }

  #checkIdle(): void {
    if (this.#readers === 0 && this.#holds === 0 && !this.isStopped) this.#host.idle(this);
  }

  /** Lets a reader in, which stands still until it is pumped. `isResuming`: its receiver is told whether anything was lost. */
  attach(receiver: Receiver, cursor: Cursor, isResuming = false): Reader {
    this.#readers++;
    const reader = new Reader(this, receiver, cursor);
    if (isResuming) this.#resuming.add(reader);
    return reader;
  }

  #resumed(reader: Reader, gap?: GapReason): void {
    if (this.#resuming.size > 0 && this.#resuming.delete(reader)) reader.receiver.resumed?.(reader, gap);
  }

  detach(reader: Reader): void {
    if (reader.state === "done") return;
    this.#cohort.leave(reader);
    this.#waiting.delete(reader);
    this.#resuming.delete(reader);
    reader.state = "done";
    this.#readers--;
    this.#checkIdle();
  }

  /** Moves a reader that is behind as far as its receiver takes it. */
  pump(reader: Reader): void {
    if (reader.state !== "behind") return;
    if (this.#cohort.advancing) {
      this.#deferred.push(reader);
      return;
    }
    // A receiver may detach the reader while it is given something, or cause appends.
    while (stateOf(reader) === "behind") {
      if (reader.receiver.full) {
        reader.receiver.fellBehind(reader);
        return;
      }
      this.#advance();
      if (stateOf(reader) === "behind") this.#step(reader);
    }
  }

  #step(reader: Reader): void {
    const { offset } = reader;
    const { front, epoch } = this.#cohort;
    const { maxLag, mode } = this.#host.settings;
    if (reader.epoch !== epoch) {
      void this.#ask(reader);
    } else if (offset === front) {
      this.#cohort.join(reader);
      this.#resumed(reader);
      if (this.#follower.isClosed) this.#end(reader);
      else reader.receiver.arrived(reader);
    } else if (mode === "every" && maxLag > 0 && front - offset > maxLag) {
      this.#skip(reader, this.front, "slow");
    } else {
      const batch = this.#cohort.after(offset);
      if (batch === undefined) {
        void this.#ask(reader);
      } else {
        this.#give(reader, batch);
      }
    }
  }

  #give(reader: Reader, batch: Batch): void {
    this.#resumed(reader);
    reader.moveTo(batch.epoch, batch.to);
    reader.receiver.deliver(reader, batch);
    this.#host.delivered(batch, 1, false);
  }

  #skip(reader: Reader, to: Cursor, reason: GapReason): void {
    const from = reader.cursor;
    this.#resumed(reader, reason);
    reader.moveTo(to.epoch, to.offset);
    reader.receiver.gap(reader, from, to, reason);
  }

  #end(reader: Reader): void {
    reader.moveTo(this.#cohort.epoch, this.#cohort.front);
    this.detach(reader);
    reader.receiver.end(reader);
  }

  /** Reads the log for a reader whose cursor is not in memory. Never rejects. */
  async #ask(reader: Reader): Promise<void> {
    reader.state = "paging";
    let answer: Answer;
    try {
      answer = await this.#reads.after(reader.cursor);
    } catch (error) {
      // The reader stays, and is told nothing false.
      if (stateOf(reader) === "paging") this.#wait(reader);
      this.#host.troubled(this, error);
      return;
    }
    if (stateOf(reader) === "paging") this.#answered(reader, answer);
  }

  #answered(reader: Reader, answer: Answer): void {
    reader.state = "behind";
    const { batches, gap } = answer;
    if (gap !== undefined && !reader.receiver.full) {
      this.#skip(reader, { epoch: answer.epoch, offset: answer.from }, gap);
    }
    for (const batch of batches) {
      // What does not fit now is asked for again: it is not kept for the reader.
      if (stateOf(reader) !== "behind" || reader.receiver.full) break;
      this.#give(reader, batch);
    }
    if (stateOf(reader) !== "behind") return;
    if (reader.receiver.full) {
      reader.receiver.fellBehind(reader);
      return;
    }
    this.#advance();
    if (answer.epoch !== this.#cohort.epoch || answer.to > this.#cohort.front) {
      // The log knows more than this hub has heard.
      this.#wait(reader);
      this.resync();
    } else if (gap === undefined && batches.length === 0 && answer.to < this.#cohort.front) {
      // The log does not show what this hub has seen already: it is asked again when it has settled.
      this.#wait(reader);
      this.#host.troubled(this);
    } else {
      this.pump(reader);
    }
  }

  #wait(reader: Reader): void {
    reader.state = "waiting";
    this.#waiting.add(reader);
  }

  #markDirty(): void {
    if (this.#dirty || this.isStopped) return;
    this.#dirty = true;
    this.#host.dirty(this);
  }

  /** Delivers what came since the last flush to all who are here. */
  flush(): void {
    this.#dirty = false;
    if (this.#cohort.advancing) {
      this.#markDirty();
      return;
    }
    this.#advance();
    this.lobby.flush();
  }

  /** Brings the live readers to the head, and ends them if the channel does. */
  #advance(): void {
    const stranded = this.#cohort.advance();
    if (this.#follower.isClosed && this.#cohort.live.size > 0) {
      this.#cohort.dismissFull();
      for (const reader of this.#cohort.live) this.#end(reader);
    }
    for (const reader of stranded) this.pump(reader);
    if (this.#deferred.length === 0) return;
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const reader of deferred) this.pump(reader);
  }

  /** Compares its head with the log's, and gives back what only readers that lagged needed. */
  async audit(): Promise<void> {
    this.#cohort.forgetRecent();
    await this.#follower.audit();
  }

  /** Reads the log until the hub stands where it does. Rule BEAT-3. */
  resync(): void {
    this.#follower.resync();
  }

  #caughtUp(): void {
    this.flush();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reader of waiting) {
      // One before it may have ended it.
      if (stateOf(reader) !== "waiting") continue;
      reader.state = "behind";
      this.pump(reader);
    }
  }

  /** They are told the gap by the log itself: what the tail holds now may be another history. */
  #restarted(stranded: readonly Reader[]): void {
    for (const reader of stranded) void this.#ask(reader);
  }
}

/** Reads the state anew: a receiver that was called in between may have changed it, which the compiler cannot see. */
function stateOf(reader: Reader): Reader["state"] {
  return reader.state;
}
