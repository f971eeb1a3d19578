import {
  type ControlMessage,
  type Cursor,
  errorMessage,
  formatCursor,
  type GapReason,
  HoldfastError,
  type Limits,
  type Subscription,
  toHoldfastError,
} from "@holdfast/protocol";
import type { Batch } from "./batch.ts";
import { Company, type CompanyHost } from "./company.ts";
import type { Hub } from "./hub.ts";
import type { Reader, Receiver } from "./reader.ts";
import type { SessionCounts } from "./session-counts.ts";

/** What a session offers to its subscriptions. */
export interface SubscriptionsHost extends CompanyHost {
  readonly limits: Limits;
  readonly counts: SessionCounts | undefined;
  deliver(batch: Batch): void;
  say(message: ControlMessage): void;
  /** Takes back what was written and has not left; false when the connection ends for it. */
  retract(): boolean;
}

/** A subscription that still looks for its start. */
interface Opening {
  readonly state: "opening";
}

/** The channels that one session reads. */
export class Subscriptions implements Receiver {
  readonly #host: SubscriptionsHost;
  readonly #readings = new Map<string, Opening | Reader>();
  /** Readers that wait for the sink to drain, in the order of their turns; most sessions never have any. */
  #behind: Set<Reader> | undefined;
  /** Made when first needed: most sessions listen to nobody. */
  #company: Company | undefined;

  constructor(host: SubscriptionsHost) {
    this.#host = host;
  }

  get size(): number {
    return this.#readings.size;
  }

  /** Each has been read up to the head. */
  get caughtUp(): boolean {
    for (const { state } of this.#readings.values()) if (state !== "live") return false;
    return true;
  }

  /** The channels of which everything up to the head has been written. Rule BEAT-2. */
  get heads(): Record<string, string> {
    const heads: [channel: string, head: string][] = [];
    for (const [channel, reading] of this.#readings) {
      if (reading.state === "live") heads.push([channel, formatCursor(reading.cursor)]);
    }
    // Assigned one by one, the legal name "__proto__" would be lost.
    return Object.fromEntries(heads);
  }

  /** The channels that are not read up to the head, and how many offsets lie between; undefined where that is another log's. */
  *lags(): Generator<{ readonly channel: string; readonly lag: number | undefined }> {
    for (const [channel, reading] of this.#readings) {
      if (reading.state === "opening" || reading.state === "live" || reading.state === "done") continue;
      const { head } = reading.hub;
      yield { channel, lag: reading.epoch === head.epoch ? head.offset - reading.offset : undefined };
    }
  }

  /** The session's part in the lobbies of these channels. */
  get company(): Company {
    this.#company ??= new Company(this.#host, (channel) => this.#hubOf(channel));
    return this.#company;
  }

  #hubOf(channel: string): Hub | undefined {
    const reading = this.#readings.get(channel);
    return reading === undefined || reading.state === "opening" ? undefined : reading.hub;
  }

  /**
   * Subscribes; what stands in the way is told in band. Rules SUB-1 to SUB-4.
   *
   * Resolves when the reader has started, or was refused.
   */
  async subscribe(subscription: Subscription): Promise<void> {
    const { channel, start } = subscription;
    const refusal = this.#refusal(channel);
    if (refusal !== undefined) return this.#host.refuse(refusal, { channel });
    const opening: Opening = { state: "opening" };
    this.#readings.set(channel, opening);
    let begun: Reader | undefined;
    try {
      await this.#host.demand("read", channel);
      await this.#host.hubs.attach(channel, start, this, (reader) => {
        if (this.#begin(reader, opening)) begun = reader;
      });
    } catch (error) {
      // Who has unsubscribed meanwhile does not ask any more.
      if (this.#readings.get(channel) !== opening) return;
      this.#readings.delete(channel);
      this.#host.refuse(error, { channel });
    }
    // It may be over by now: the channel was at its end, or the connection broke under what was written.
    if (begun !== undefined && this.#readings.get(channel) === begun) {
      await this.#attend(begun.hub, subscription);
    }
  }

  async #attend(hub: Hub, { channel, signals, presence, join }: Subscription): Promise<void> {
    if (signals || presence) this.company.attend(hub, { signals, presence });
    if (join !== undefined) await this.company.presence(channel, join);
  }

  #refusal(channel: string): HoldfastError | undefined {
    if (this.#readings.has(channel)) {
      return new HoldfastError("already_subscribed", `${channel} is subscribed on this session already.`);
    }
    const { subscriptionsMax } = this.#host.limits;
    if (this.#readings.size < subscriptionsMax) return undefined;
    this.#host.hubs.refused("subscriptionsMax");
    return new HoldfastError(
      "too_many_subscriptions",
      `A session holds at most ${subscriptionsMax} channels. Unsubscribe from some, or open another session.`,
      { limit: "subscriptionsMax" },
    );
  }

  /** Says where a reader starts, if it is still wanted. Rule SUB-1. */
  #begin(reader: Reader, opening: Opening): boolean {
    const { hub, cursor } = reader;
    const { channel } = hub;
    if (this.#readings.get(channel) !== opening) {
      hub.detach(reader);
      return false;
    }
    this.#readings.set(channel, reader);
    const head = formatCursor(hub.head);
    this.#host.say({ type: "subscribed", channel, cursor: formatCursor(cursor), head });
    return true;
  }

  /** Ends a subscription. Rule SUB-5. */
  unsubscribe(channel: string): void {
    const reading = this.#readings.get(channel);
    if (reading === undefined) {
      this.#host.refuse(new HoldfastError("not_subscribed", `${channel} is not subscribed here.`), {
        channel,
      });
      return;
    }
    this.#release(channel, reading);
    this.#host.say({ type: "unsubscribed", channel });
  }

  #release(channel: string, reading: Opening | Reader): void {
    this.#readings.delete(channel);
    this.#company?.depart(channel);
    if (reading.state === "opening") return;
    this.#behind?.delete(reading);
    reading.hub.detach(reading);
  }

  releaseAll(): void {
    for (const [channel, reading] of this.#readings) this.#release(channel, reading);
  }

  /** Ends the subscriptions and memberships that the principal may not have any more. Rules AUTH-1, REV-5. */
  async review(): Promise<void> {
    const { principal } = this.#host;
    const lost: ControlMessage[] = [];
    const check = async ([channel, reading]: [string, Opening | Reader]) => {
      try {
        await this.#host.demand("read", channel);
      } catch (thrown) {
        // Of a principal that has been replaced meanwhile it says nothing, nor of what was subscribed since.
        if (this.#host.principal !== principal || !this.#isSame(channel, reading)) return;
        const told = this.#lose(channel, toHoldfastError(thrown));
        if (told !== undefined) lost.push(told);
      }
    };
    await Promise.all(Array.from(this.#readings, check));
    // Only now: what is written waits to leave, and would be taken back with the next channel that is lost.
    for (const told of lost) this.#host.say(told);
    await this.#company?.review();
  }

  /** Whether a channel is still read by what was there before, which may have begun since. */
  #isSame(channel: string, before: Opening | Reader): boolean {
    const now = this.#readings.get(channel);
    return now === before || (now !== undefined && before.state === "opening");
  }

  /** Nothing of a channel follows to which the right has ended; returns what the client is told, if it can be told. */
  #lose(channel: string, error: HoldfastError): ControlMessage | undefined {
    const reading = this.#readings.get(channel);
    if (reading === undefined) return undefined;
    this.#company?.leave(channel);
    this.#release(channel, reading);
    // Of this one nothing has been said yet, not even that it is subscribed.
    if (reading.state === "opening") return errorMessage(error, { channel });
    if (!this.#host.retract()) return undefined;
    return { type: "unsubscribed", channel, code: error.code, reason: error.message };
  }

  /** Leaves every channel at once: the principal is not to be seen there any more. */
  expel(): void {
    for (const channel of this.#readings.keys()) this.#company?.leave(channel);
  }

  /** There is room again: readers go on, each in its turn, for as long as there is. Rule BND-1. */
  drained(): void {
    const behind = this.#behind;
    // One that fills the sink comes last the next time.
    for (const reader of behind ?? []) {
      if (this.full) return;
      behind?.delete(reader);
      reader.hub.pump(reader);
    }
    this.#company?.drained();
  }

  get full(): boolean {
    return this.#host.full;
  }

  deliver(_reader: Reader, batch: Batch): void {
    this.#host.deliver(batch);
  }

  gap({ hub: { channel } }: Reader, from: Cursor, to: Cursor, reason: GapReason): void {
    this.#host.counts?.gap(reason);
    this.#host.say({ type: "gap", channel, from: formatCursor(from), to: formatCursor(to), reason });
  }

  end(reader: Reader): void {
    const { cursor } = reader;
    const { channel } = reader.hub;
    this.#release(channel, reader);
    this.#host.say({ type: "end", channel, cursor: formatCursor(cursor) });
  }

  fellBehind(reader: Reader): void {
    this.#behind ??= new Set();
    this.#behind.add(reader);
  }

  /** Whether it is caught up is asked of it. */
  arrived(): void {}

  resumed(_reader: Reader, gap?: GapReason): void {
    this.#host.counts?.resumed(gap ?? "resumed");
  }
}
