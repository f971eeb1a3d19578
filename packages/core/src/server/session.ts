import {
  type Bytes,
  type ControlMessage,
  type Cursor,
  type Draft,
  errorMessage,
  formatCursor,
  type GapReason,
  HoldfastError,
  type Limits,
  type ReconnectReason,
  type Subscription,
  toHoldfastError,
} from "@holdfast/protocol";
import type { Batch, Framing, Notice } from "./batch.ts";
import { Company, type CompanyHost } from "./company.ts";
import type { Hub } from "./hub.ts";
import type { Clock, Hubs } from "./hubs.ts";
import type { Action, Gate, Principal } from "./principal.ts";
import { publishAs } from "./publishing.ts";
import { Reader, type Receiver } from "./reader.ts";
import type { Farewell, Sink } from "./sink.ts";
import { Vitals } from "./vitals.ts";

export interface SessionOptions {
  readonly id: string;
  readonly hubs: Hubs;
  readonly sink: Sink;
  readonly framing: Framing;
  readonly gate: Gate;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly principal: Principal;
  /** The client can be heard on this connection, so that its silence means that it is gone. Rules WSP-3, BEAT-4. */
  readonly hears: boolean;
  /** The session is over; called once. */
  readonly onClose?: () => void;
}

/** A subscription that still looks for its start. */
interface Opening {
  readonly state: "opening";
}

/** One connected client: a principal, its readers, its sink. */
export class Session implements Receiver, CompanyHost {
  readonly id: string;
  readonly #options: SessionOptions;
  readonly #readings = new Map<string, Opening | Reader>();
  /** Readers that wait for the sink to drain, in the order in which they fell behind. */
  #behind = new Set<Reader>();
  #principal: Principal;
  #full = false;
  #closed = false;
  #told = false;
  /** Something was written. What nobody asked for does not come before it. Rules SES-2, WSP-1. */
  #hasSpoken = false;
  #publishing = 0;
  /** Appends follow each other, so that the log has them in the order of the connection. Rule ACK-4. */
  #lastPublish: Promise<void> = Promise.resolve();
  #inputPaused = false;
  readonly #vitals: Vitals;
  #instance: string;
  /** Made when first needed: most sessions listen to nobody. */
  #company: Company | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.id = options.id;
    this.#instance = options.id;
    this.#principal = options.principal;
    this.#vitals = new Vitals(options.limits, options.hears, options.clock.now());
    this.#vitals.expire(options.principal.expiresAt);
  }

  get hubs(): Hubs {
    return this.#options.hubs;
  }

  /** Names the client as a member, over all its connections. */
  get instance(): string {
    return this.#instance;
  }

  get principal(): Principal {
    return this.#principal;
  }

  get full(): boolean {
    return this.#full;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get subscriptions(): number {
    return this.#readings.size;
  }

  /** Something was said for which a held JSON answer is sent at once. Rule SES-6. */
  get told(): boolean {
    return this.#told;
  }

  /** Every subscription has been read up to the head. */
  get caughtUp(): boolean {
    for (const reading of this.#readings.values()) if (reading.state !== "live") return false;
    return true;
  }

  say(message: ControlMessage): void {
    if (this.#closed) return;
    const bytes = this.#options.framing.control(message);
    if (bytes !== undefined) this.#write(bytes);
  }

  /** Says what a held JSON answer is sent for. */
  #tell(message: ControlMessage): void {
    this.#told = true;
    this.say(message);
  }

  /** Tells a refusal in band: about one request or channel when named. Rules SES-7, PUB-3. */
  refuse(thrown: unknown, about: { ref?: number; channel?: string } = {}): void {
    this.#tell(errorMessage(toHoldfastError(thrown), about));
  }

  #write(bytes: Bytes): void {
    this.#hasSpoken = true;
    if (this.#options.sink.write(bytes) || this.#full) return;
    this.#full = true;
    this.#vitals.filled(this.#options.clock.now());
    this.#steerInput();
  }

  /** A client that takes no answers is asked for no more requests. */
  #steerInput(): void {
    const paused = this.#full || this.#publishing >= this.#options.limits.publishesInFlightMax;
    if (paused === this.#inputPaused || this.#closed) return;
    this.#inputPaused = paused;
    this.#options.sink.pauseInput(paused);
  }

  /** The sink has room again: readers go on from their cursors. Rule BND-1. */
  drained(): void {
    if (this.#closed || !this.#full) return;
    this.#full = false;
    this.#vitals.drained(this.#options.clock.now());
    this.#steerInput();
    const behind = this.#behind;
    this.#behind = new Set();
    // Those that still find no room come after those that have not had a turn.
    for (const reader of behind) reader.hub.pump(reader);
    this.#company?.drained();
  }

  /**
   * Subscribes; what stands in the way is told in band. Rules SUB-1 to SUB-4.
   *
   * Resolves when the reader has started, or was refused.
   */
  async subscribe(subscription: Subscription): Promise<void> {
    const { channel, start } = subscription;
    const mine: Opening = { state: "opening" };
    try {
      this.#admit(channel);
    } catch (error) {
      return this.refuse(error, { channel });
    }
    this.#readings.set(channel, mine);
    try {
      await this.demand("read", channel);
      const { hubs } = this.#options;
      const hub = await hubs.open(channel);
      const cursor = await hubs.locate(hub, start);
      if (this.#closed || this.#readings.get(channel) !== mine) return;
      const reader = new Reader(hub, this, cursor);
      this.#readings.set(channel, reader);
      this.say({ type: "subscribed", channel, cursor: formatCursor(cursor), head: formatCursor(hub.head) });
      hubs.attach(reader);
      const { signals, presence, join } = subscription;
      if (signals || presence) this.company.attend(hub, { signals, presence });
      if (join !== undefined) await this.company.presence(channel, join);
    } catch (error) {
      if (this.#readings.get(channel) !== mine) return;
      this.#readings.delete(channel);
      this.refuse(error, { channel });
    }
  }

  #admit(channel: string): void {
    if (this.#readings.has(channel)) {
      throw new HoldfastError("already_subscribed", `${channel} is subscribed on this session already.`);
    }
    const { subscriptionsMax } = this.#options.limits;
    if (this.#readings.size >= subscriptionsMax) {
      throw new HoldfastError(
        "too_many_subscriptions",
        `A session holds at most ${subscriptionsMax} channels. Unsubscribe from some, or open another session.`,
      );
    }
  }

  /** Ends a subscription, telling why when the client did not ask for it. Rule SUB-5. */
  unsubscribe(channel: string, because?: HoldfastError): void {
    const reading = this.#readings.get(channel);
    if (reading === undefined) {
      this.refuse(new HoldfastError("not_subscribed", `${channel} is not subscribed here.`), {
        channel,
      });
      return;
    }
    this.#release(channel, reading);
    const why = because === undefined ? {} : { code: because.code, reason: because.message };
    this.#tell({ type: "unsubscribed", channel, ...why });
  }

  #release(channel: string, reading: Opening | Reader): void {
    this.#readings.delete(channel);
    this.#company?.depart(channel);
    if (reading.state === "opening") return;
    this.#behind.delete(reading);
    reading.hub.detach(reading);
  }

  deliver(_reader: Reader, batch: Batch): void {
    this.#told = true;
    this.#write(batch.bytes(this.#options.framing));
  }

  gap({ hub }: Reader, from: Cursor, to: Cursor, reason: GapReason): void {
    this.#tell({ type: "gap", channel: hub.channel, from: formatCursor(from), to: formatCursor(to), reason });
  }

  end(reader: Reader): void {
    const { hub, cursor } = reader;
    this.#release(hub.channel, reader);
    this.#tell({ type: "end", channel: hub.channel, cursor: formatCursor(cursor) });
  }

  fellBehind(reader: Reader): void {
    this.#behind.add(reader);
  }

  /** Publishes after what was published before; answered in band by `published` or `error`. Rules ACK-1, ACK-4, PUB-3. */
  publish(ref: number, channel: string, drafts: readonly Draft[], ifMatch?: Cursor): void {
    this.#publishing++;
    this.#steerInput();
    this.#lastPublish = this.#lastPublish.then(async () => {
      try {
        await this.demand("publish", channel);
        const results = await publishAs(this.#principal, this.#options.hubs, channel, drafts, ifMatch);
        this.say({ type: "published", ref, results });
      } catch (error) {
        this.refuse(error, { ref });
      }
      this.#publishing--;
      this.#steerInput();
    });
  }

  /** This session's part in the lobbies of its channels. */
  get company(): Company {
    this.#company ??= new Company(this);
    return this.#company;
  }

  notice(notice: Notice): void {
    this.#told = true;
    const bytes = notice.bytes(this.#options.framing);
    if (bytes !== undefined && !this.#closed) this.#write(bytes);
  }

  reads(channel: string): Hub | undefined {
    const reading = this.#readings.get(channel);
    return reading === undefined || reading.state === "opening" ? undefined : reading.hub;
  }

  /** Throws `forbidden` when the principal may not do this. Rule AUTH-1. */
  async demand(action: Action, channel: string): Promise<void> {
    if (await this.#options.gate.authorize(this.#principal, action, channel)) return;
    throw new HoldfastError("forbidden", `You may not ${action} ${channel}.`);
  }

  /** Goes on as this principal, and as this member where it joins. */
  adopt(principal: Principal, instance = this.#instance): void {
    this.#principal = principal;
    this.#instance = instance;
    this.#vitals.expire(principal.expiresAt);
  }

  /** Ends the readers that the principal may not have, or not any more. */
  async review(): Promise<void> {
    for (const channel of [...this.#readings.keys()]) {
      try {
        await this.demand("read", channel);
      } catch (error) {
        if (this.#readings.has(channel)) this.unsubscribe(channel, toHoldfastError(error));
      }
    }
  }

  /** Something came from the client. */
  heard(): void {
    this.#vitals.heard(this.#options.clock.now());
  }

  /** When `tick` must be called next, in ms since 1970. */
  get deadline(): number {
    return this.#closed ? Number.POSITIVE_INFINITY : this.#vitals.deadline;
  }

  tick(now: number): void {
    while (!this.#closed) {
      const due = this.#vitals.due(now);
      if (due.is === "nothing") return;
      if (due.is === "over") this.close({ kind: "refused", error: due.error });
      else if (due.is === "expiring") this.say({ type: "expiring", inMs: due.inMs });
      else if (!this.#full && this.#hasSpoken) this.say({ type: "heartbeat", heads: this.#heads() });
    }
  }

  /** The channels of which everything up to the head has been written here. Rule BEAT-2. */
  #heads(): Record<string, string> {
    const heads: Record<string, string> = {};
    for (const [channel, reading] of this.#readings) {
      if (reading.state === "live") heads[channel] = formatCursor(reading.cursor);
    }
    return heads;
  }

  reconnect(delayMs: number, reason: ReconnectReason): void {
    if (this.#hasSpoken) this.say({ type: "reconnect", delayMs, reason });
    this.close({ kind: "reconnect", delayMs, reason });
  }

  close(farewell: Farewell): void {
    if (this.#closed) return;
    this.gone();
    this.#options.sink.close(farewell);
  }

  /** The connection is no more: everything is released. */
  gone(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const [channel, reading] of this.#readings) this.#release(channel, reading);
    this.#behind.clear();
    this.#options.onClose?.();
  }
}
