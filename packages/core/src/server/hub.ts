import type { Cursor, GapReason } from "@holdfast/protocol";
import type { Broker, Following, LogBatch, LogPage, ReadLimits } from "../broker/port.ts";
import { Cohort } from "./cohort.ts";
import { Lobby, type LobbyHost } from "./lobby.ts";
import type { Reader } from "./reader.ts";
import type { NamespaceSettings } from "./settings.ts";
import { type Answer, SharedReads } from "./shared-reads.ts";

/** What a hub needs of the node it is part of. */
export interface HubHost extends LobbyHost {
  readonly broker: Broker;
  readonly settings: NamespaceSettings;
  readonly pageLimits: ReadLimits;
  /** Asks for `flush` at the end of this tick. */
  dirty(hub: Hub): void;
  /** Asks for `resync` soon: the log could not be read, or contradicted itself. */
  troubled(hub: Hub): void;
  /** The last reader has left. */
  idle(hub: Hub): void;
}

/** One node's view of a channel: the recent end of its log, already encoded, and the readers on it. */
export class Hub {
  readonly channel: string;
  readonly lobby: Lobby;
  readonly #host: HubHost;
  readonly #reads: SharedReads;
  readonly #cohort: Cohort;
  readonly #following: Following;
  #closed: boolean;
  #stopped = false;
  #readers = 0;
  #dirty = false;
  /** Readers that know of a position the hub has not reached. */
  readonly #waiting = new Set<Reader>();
  /** Readers to be pumped once the batch under way has gone out. */
  #deferred: Reader[] = [];
  /** Defined while the log is being read to catch up with it; `again` asks for one more round. */
  #syncing: { again: boolean } | undefined;

  private constructor(channel: string, host: HubHost, following: Following) {
    const { settings, pageLimits, broker } = host;
    const { epoch, head, closed } = following.range;
    this.channel = channel;
    this.#host = host;
    this.#following = following;
    this.#closed = closed;
    this.#cohort = new Cohort(channel, settings, pageLimits, { epoch, offset: head });
    this.#reads = new SharedReads(channel, broker, settings.mode, pageLimits);
    this.lobby = new Lobby(channel, host, () => this.#markDirty());
  }

  /** Begins to follow a channel's log; rejects as the broker does. */
  static async open(channel: string, host: HubHost): Promise<Hub> {
    let hub: Hub | undefined;
    // What is heard before the hub stands cannot be placed: the log is read for it.
    let early = false;
    const hear = (tell: (hub: Hub) => void) => {
      if (hub === undefined) early = true;
      else tell(hub);
    };
    const following = await host.broker.follow(channel, {
      appended: (batch) => hear((hub) => hub.appended(batch)),
      closed: () => hear((hub) => hub.resync()),
      disturbed: () => hear((hub) => hub.resync()),
    });
    hub = new Hub(channel, host, following);
    if (early) hub.resync();
    return hub;
  }

  get head(): Cursor {
    return { epoch: this.#cohort.epoch, offset: this.#cohort.head };
  }

  get front(): Cursor {
    return { epoch: this.#cohort.epoch, offset: this.#cohort.front };
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get readers(): number {
    return this.#readers;
  }

  get tailEvents(): number {
    return this.#cohort.tailEvents;
  }

  get tailBytes(): number {
    return this.#cohort.tailBytes;
  }

  stop(): void {
    this.#stopped = true;
    this.#following.stop();
  }

  attach(reader: Reader): void {
    this.#readers++;
    this.pump(reader);
  }

  detach(reader: Reader): void {
    if (reader.state === "done") return;
    this.#cohort.leave(reader);
    this.#waiting.delete(reader);
    reader.state = "done";
    this.#readers--;
    if (this.#readers === 0) this.#host.idle(this);
  }

  /** Moves a reader that is behind as far as its receiver takes it. */
  pump(reader: Reader): void {
    if (reader.state !== "behind") return;
    if (this.#cohort.advancing) {
      this.#deferred.push(reader);
      return;
    }
    this.flush();
    // A receiver may detach the reader while it is given something.
    while (stateOf(reader) === "behind") {
      if (reader.receiver.full) {
        reader.receiver.fellBehind(reader);
        return;
      }
      this.#step(reader);
    }
  }

  #step(reader: Reader): void {
    const { offset } = reader;
    const { front } = this.#cohort;
    const { maxLag } = this.#host.settings;
    if (reader.epoch !== this.#cohort.epoch) {
      void this.#ask(reader);
    } else if (offset === front) {
      this.#cohort.join(reader);
      if (this.#closed) this.#end(reader);
    } else if (maxLag > 0 && front - offset > maxLag) {
      this.#skip(reader, this.front, "slow");
    } else if (this.#cohort.holds(offset)) {
      const batch = this.#cohort.cut(offset);
      reader.moveTo(batch.epoch, batch.to);
      reader.receiver.deliver(reader, batch);
    } else {
      void this.#ask(reader);
    }
  }

  #skip(reader: Reader, to: Cursor, reason: GapReason): void {
    const from = reader.cursor;
    reader.moveTo(to.epoch, to.offset);
    reader.receiver.gap(reader, from, to, reason);
  }

  #end(reader: Reader): void {
    reader.moveTo(this.#cohort.epoch, this.#cohort.front);
    this.detach(reader);
    reader.receiver.end(reader);
  }

  /** Reads the log for a reader whose cursor the tail does not hold. */
  async #ask(reader: Reader): Promise<void> {
    reader.state = "paging";
    try {
      const answer = await this.#reads.after(reader.cursor);
      if (stateOf(reader) === "paging") this.#answered(reader, answer);
    } catch {
      if (stateOf(reader) !== "paging") return;
      // The reader stays, and is told nothing false.
      this.#wait(reader);
      this.#host.troubled(this);
    }
  }

  #answered(reader: Reader, answer: Answer): void {
    reader.state = "behind";
    const before = reader.offset;
    if (answer.gap !== undefined && !reader.receiver.full) {
      this.#skip(reader, { epoch: answer.epoch, offset: answer.from }, answer.gap);
    }
    for (const batch of answer.batches) {
      if (stateOf(reader) !== "behind") return;
      // What does not fit now is asked for again: it is not kept for the reader.
      if (reader.receiver.full) break;
      reader.moveTo(batch.epoch, batch.to);
      reader.receiver.deliver(reader, batch);
    }
    if (stateOf(reader) !== "behind") return;
    if (reader.receiver.full) {
      reader.receiver.fellBehind(reader);
      return;
    }
    this.flush();
    if (answer.epoch !== this.#cohort.epoch || answer.to > this.#cohort.front) {
      // The log knows more than this hub has heard.
      this.#wait(reader);
      this.resync();
    } else if (answer.gap === undefined && reader.offset === before) {
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

  appended(batch: LogBatch): void {
    if (!this.#take(batch)) this.resync();
  }

  /** Adds what a batch has beyond the head; false when it does not follow it without a hole. */
  #take(batch: LogBatch): boolean {
    const { head, epoch } = this.#cohort;
    if (batch.epoch !== epoch || batch.from > head) return false;
    if (batch.to <= head) return true;
    this.#cohort.push(
      batch.from === head ? batch.events : batch.events.filter((event) => event.offset > head),
      batch.to,
    );
    this.#markDirty();
    return true;
  }

  #markDirty(): void {
    if (this.#dirty || this.#stopped) return;
    this.#dirty = true;
    this.#host.dirty(this);
  }

  /** Delivers what came since the last flush to all live readers. */
  flush(): void {
    if (this.#cohort.advancing) return;
    this.#dirty = false;
    const stranded = this.#cohort.advance();
    if (this.#closed) for (const reader of this.#cohort.live) this.#end(reader);
    this.lobby.flush();
    for (const reader of stranded) this.pump(reader);
    const deferred = this.#deferred;
    if (deferred.length === 0) return;
    this.#deferred = [];
    for (const reader of deferred) this.pump(reader);
  }

  /** Reads the log until the hub stands where the log does. Rule BEAT-3. */
  resync(): void {
    if (this.#stopped) return;
    if (this.#syncing === undefined) void this.#sync();
    else this.#syncing.again = true;
  }

  async #sync(): Promise<void> {
    const round = { again: false };
    this.#syncing = round;
    try {
      do {
        round.again = false;
        await this.#catchUp();
      } while (round.again && !this.#stopped);
    } catch {
      if (!this.#stopped) this.#host.troubled(this);
      return;
    } finally {
      this.#syncing = undefined;
    }
    if (this.#stopped) return;
    this.flush();
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reader of waiting) {
      reader.state = "behind";
      this.pump(reader);
    }
  }

  async #catchUp(): Promise<void> {
    for (;;) {
      const page = await this.#host.broker.read(this.channel, this.head, this.#host.pageLimits);
      if (this.#stopped) return;
      if (!this.#take(page)) this.#restart(page);
      this.#closed = page.range.closed && page.range.head === this.#cohort.head;
      if (this.#closed) this.#markDirty();
      if (page.to >= page.range.head) return;
    }
  }

  /** The log is another one, or has lost what lay between: every reader reads on by itself, and is told the gap. */
  #restart(page: LogPage): void {
    this.flush();
    for (const reader of this.#cohort.restart(page.epoch, page.from)) this.#wait(reader);
    this.#take(page);
  }
}

/** Reads the state anew: a receiver that was called in between may have changed it, which the compiler cannot see. */
function stateOf(reader: Reader): Reader["state"] {
  return reader.state;
}
