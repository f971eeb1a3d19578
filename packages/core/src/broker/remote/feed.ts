import type { LogEvent } from "@holdfast/protocol";
import type { Broker, Following, LogBatch, LogObserver, LogRange } from "../port.ts";
import type { LogNotice } from "./messages.ts";

/** Who is told what happens to a log. */
export interface FeedListener {
  tell(notice: LogNotice): void;
}

/** A burst becomes one notice of at most this many events, so that no single one is long on its way. */
const noticeEventsMax = 1000;

/** A batch that later ones are added to, as long as it was not told. */
interface Growing {
  readonly is: "appended";
  readonly channel: string;
  batch: LogBatch;
  /** The batch's events, when they are a list of its own. */
  own: LogEvent[] | undefined;
}

/** One channel's log, followed once for all who listen. What happens in one tick is told together. */
export class Feed implements LogObserver {
  readonly channel: string;
  readonly #broker: Broker;
  /** Asks for `flush` at the end of this tick. */
  readonly #dirty: () => void;
  /** How often each has asked to follow. */
  readonly #listeners = new Map<FeedListener, number>();
  #following: Promise<Following> | undefined;
  #isOpen = false;
  #notices: (LogNotice | Growing)[] = [];

  constructor(channel: string, broker: Broker, dirty: () => void) {
    this.channel = channel;
    this.#broker = broker;
    this.#dirty = dirty;
  }

  get isVacant(): boolean {
    return this.#listeners.size === 0;
  }

  hears(listener: FeedListener): boolean {
    return this.#listeners.has(listener);
  }

  /** Lets a listener hear what happens from now on; resolves with the log as it is then, or later. Rejects as the broker does. */
  async enter(listener: FeedListener): Promise<LogRange> {
    this.#listeners.set(listener, (this.#listeners.get(listener) ?? 0) + 1);
    try {
      // Where following began earlier, its own range is one that this listener did not hear grow.
      if (this.#isOpen) return await this.#broker.range(this.channel);
      this.#following ??= this.#open();
      const { range } = await this.#following;
      return range;
    } catch (error) {
      this.leave(listener);
      throw error;
    }
  }

  async #open(): Promise<Following> {
    try {
      const following = await this.#broker.follow(this.channel, this);
      this.#isOpen = true;
      if (this.isVacant) this.stop();
      return following;
    } catch (error) {
      this.#following = undefined;
      throw error;
    }
  }

  /** Takes one following of a listener back. */
  leave(listener: FeedListener): void {
    const followings = this.#listeners.get(listener) ?? 0;
    if (followings > 1) this.#listeners.set(listener, followings - 1);
    else this.forget(listener);
  }

  /** Takes all of them back. */
  forget(listener: FeedListener): void {
    this.#listeners.delete(listener);
  }

  /** Ends with the last listener; one that is opening ends once it is open. */
  stop(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    void this.#following?.then((following) => following.stop());
    this.#following = undefined;
    this.#notices = [];
  }

  appended(batch: LogBatch): void {
    const last = this.#notices.at(-1);
    if (last !== undefined && "own" in last && continues(last.batch, batch)) {
      last.own ??= [...last.batch.events];
      for (const event of batch.events) last.own.push(event);
      last.batch = { ...last.batch, to: batch.to, events: last.own };
    } else {
      this.#issue({ is: "appended", channel: this.channel, batch, own: undefined });
    }
  }

  closed(): void {
    this.#issue({ is: "closed", channel: this.channel });
  }

  disturbed(): void {
    this.#issue({ is: "disturbed", channel: this.channel });
  }

  #issue(notice: LogNotice | Growing): void {
    this.#notices.push(notice);
    if (this.#notices.length === 1) this.#dirty();
  }

  /** Tells everybody what has happened since the last time. */
  flush(): void {
    const notices = this.#notices;
    this.#notices = [];
    for (const notice of notices) {
      const told: LogNotice =
        notice.is === "appended" ? { is: notice.is, channel: notice.channel, batch: notice.batch } : notice;
      for (const listener of this.#listeners.keys()) listener.tell(told);
    }
  }
}

function continues(one: LogBatch, next: LogBatch): boolean {
  return (
    one.epoch === next.epoch &&
    one.to === next.from &&
    one.events.length + next.events.length <= noticeEventsMax
  );
}
