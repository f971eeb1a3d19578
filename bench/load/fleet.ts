import { nowUs } from "../clock.ts";
import type { Dialect } from "./dialect.ts";
import { type Counts, Histogram } from "./histogram.ts";
import { Ledger } from "./ledger.ts";
import { type Crew, Reader } from "./reader.ts";
import { Standing } from "./standing.ts";
import { Tally } from "./tally.ts";

export interface FleetSpec {
  readonly port: number;
  readonly channels: readonly string[];
  readonly payloadBytes: number;
  /** As in `127.0.2`: clients come from the addresses of this machine that begin so, in turn. Absent: from 127.0.0.1. */
  readonly network?: string | undefined;
  /** Newcomers ask for all that is kept. */
  readonly isFromOldest?: boolean;
  /** Clients that come back are as new. */
  readonly isForgetful?: boolean;
  /** Connections that are being opened at a time; absent: what the listening socket of every server here surely holds. */
  readonly openingMax?: number | undefined;
}

/** What the clients of one process have had since `begin`. */
export interface Haul {
  /** Different events, summed over the clients. */
  readonly events: number;
  /** Events that a client had had before. */
  readonly repeated: number;
  /** Connections that the server refused or ended. */
  readonly refused: number;
  /** Connections that went live. */
  readonly opened: number;
  /** When the last event came, by `nowUs`. */
  readonly lastUs: number;
  /** From when an event was due until it came. */
  readonly delays: Counts;
  /** From when a connection was asked for until it was live. */
  readonly openings: Counts;
}

/** How connections are cut while events come. */
export interface Weather {
  /** On the average; each time from half of it to one and a half. */
  readonly cutEveryMs: number;
  readonly offlineMs: number;
}

interface Client {
  readonly ledger: Ledger;
  readonly standing: Standing;
  reader: Reader | undefined;
  openedUs: number;
  isLive: boolean;
  /** Has had the event that is awaited. */
  isThere: boolean;
}

const openingMaxUsual = 200;
/** How long a client waits that was refused, and not told for how long. */
const retryMs = 250;
/** How long it may take until all are live. */
const liveTimeoutMs = 120_000;
const addressesMax = 200;
const bufferBytes = 256 * 1024;

/** Clients that outlive their connections: one that was cut comes back, and says where it stands if its peer knows of that. */
export class Fleet implements Crew {
  readonly dialect: Dialect;
  readonly port: number;
  readonly payloadBytes: number;
  readonly buffer = Buffer.allocUnsafeSlow(bufferBytes);
  readonly #spec: FleetSpec;
  readonly #clients: Client[] = [];
  readonly #clientOf = new Map<Reader, Client>();
  readonly #delays = new Histogram();
  readonly #openings = new Histogram();
  readonly #timers = new Set<NodeJS.Timeout>();
  #queue: Client[] = [];
  #opening = 0;
  #live = 0;
  #liveUs = 0;
  #onLive: (() => void) | undefined;
  #awaited = Number.POSITIVE_INFINITY;
  #there = 0;
  #onThere: (() => void) | undefined;
  #weather: Weather | undefined;
  #refused = 0;
  #opened = 0;
  #addresses = 0;
  #lastUs = 0;
  #before = { events: 0, repeated: 0 };

  constructor(dialect: Dialect, spec: FleetSpec) {
    this.dialect = dialect;
    this.#spec = spec;
    this.port = spec.port;
    this.payloadBytes = spec.payloadBytes;
  }

  /** Another each time: finding a free port takes the longer the more of an address are taken. */
  get localAddress(): string | undefined {
    const { network } = this.#spec;
    return network === undefined ? undefined : `${network}.${1 + (this.#addresses++ % addressesMax)}`;
  }

  /** Grows to so many clients and connects all that are not; resolves with the time at which the last of them was live. */
  async connect(clients: number): Promise<number> {
    while (this.#clients.length < clients) this.#clients.push(this.#newClient());
    this.#queue = this.#clients.filter(({ reader }) => reader === undefined);
    this.#openNext();
    return await this.#allLive();
  }

  #newClient(): Client {
    const { resuming, oldest } = this.dialect;
    const { isFromOldest = false, isForgetful = false } = this.#spec;
    // Who asks for the oldest is not cut off here, and need not know where it stands.
    const standing = isFromOldest
      ? new Standing(undefined, oldest)
      : new Standing(isForgetful ? undefined : resuming);
    return {
      ledger: new Ledger(),
      standing,
      reader: undefined,
      openedUs: 0,
      isLive: false,
      isThere: false,
    };
  }

  #openNext(): void {
    const { openingMax = openingMaxUsual } = this.#spec;
    while (this.#opening < openingMax) {
      const client = this.#queue.pop();
      if (client === undefined) return;
      this.#open(client);
    }
  }

  #open(client: Client): void {
    const tally = new Tally(this.payloadBytes, false, this.#delays, client.ledger);
    client.standing.forgetPart();
    client.openedUs = nowUs();
    client.reader = new Reader(this, this.#spec.channels, tally, client.standing);
    this.#clientOf.set(client.reader, client);
    this.#opening++;
  }

  async #allLive(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#onLive = () => {
      if (this.#live === this.#clients.length) resolve();
    };
    this.#onLive();
    const timer = setTimeout(() => {
      const { length } = this.#clients;
      reject(
        new Error(`${this.#live} of ${length} clients were let in; ${this.#refused} attempts were refused.`),
      );
    }, liveTimeoutMs);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      this.#onLive = undefined;
    }
    return this.#liveUs;
  }

  live(reader: Reader): void {
    const client = this.#clientOf.get(reader);
    if (client === undefined) return;
    client.isLive = true;
    this.#liveUs = nowUs();
    this.#openings.record(this.#liveUs - client.openedUs);
    this.#opening--;
    this.#opened++;
    this.#live++;
    this.#openNext();
    this.#onLive?.();
    this.#scheduleCut(client);
  }

  read(reader: Reader, atUs: number): void {
    this.#lastUs = atUs;
    const client = this.#clientOf.get(reader);
    if (client === undefined || client.isThere || client.ledger.last < this.#awaited) return;
    client.isThere = true;
    this.#there++;
    this.#onThere?.();
  }

  failed(reader: Reader, _why: Error, retryAfterMs = retryMs): void {
    const client = this.#clientOf.get(reader);
    if (client === undefined) return;
    this.#refused++;
    this.#forget(reader, client);
    this.#after(retryAfterMs, () => this.#reopen(client));
  }

  #reopen(client: Client): void {
    if (client.reader !== undefined) return;
    this.#queue.push(client);
    this.#openNext();
  }

  #forget(reader: Reader, client: Client): void {
    this.#clientOf.delete(reader);
    if (client.isLive) this.#live--;
    else this.#opening--;
    client.isLive = false;
    client.reader = undefined;
  }

  #after(ms: number, what: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      what();
    }, ms);
    this.#timers.add(timer);
  }

  #cut(client: Client): void {
    const { reader } = client;
    if (reader === undefined) return;
    this.#forget(reader, client);
    reader.leave();
  }

  /** Cuts every connection at once. */
  cutAll(): void {
    this.#queue = [];
    for (const client of this.#clients) this.#cut(client);
  }

  /** Reads nothing more on any connection. */
  stallAll(): void {
    for (const { reader } of this.#clients) reader?.stall();
  }

  /** From now on connections are cut one by one, and their clients come back. */
  roam(weather: Weather): void {
    this.#weather = weather;
    // As if it had gone on for long: each stands anywhere between two cuts.
    for (const client of this.#clients) this.#scheduleCut(client, Math.random());
  }

  #scheduleCut(client: Client, share = 0.5 + Math.random()): void {
    if (this.#weather === undefined) return;
    this.#after(share * this.#weather.cutEveryMs, () => {
      if (this.#weather === undefined) return;
      this.#cut(client);
      this.#after(this.#weather.offlineMs, () => this.#reopen(client));
    });
  }

  /** Cuts no more; resolves when all are live. */
  async settle(): Promise<void> {
    this.#weather = undefined;
    await this.#allLive();
  }

  /** Resolves when each client has had the event with this number, or when that takes too long. */
  async awaitEvent(given: { readonly sequence: number; readonly timeoutMs: number }): Promise<void> {
    this.#awaited = given.sequence;
    this.#there = 0;
    for (const client of this.#clients) {
      client.isThere = client.ledger.last >= given.sequence;
      if (client.isThere) this.#there++;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onThere = () => {
      if (this.#there === this.#clients.length) resolve();
    };
    this.#onThere();
    const timer = setTimeout(resolve, given.timeoutMs);
    await promise;
    clearTimeout(timer);
    this.#onThere = undefined;
    this.#awaited = Number.POSITIVE_INFINITY;
  }

  /** Begins to count anew. */
  begin(): void {
    this.#before = this.#sum();
    this.#delays.clear();
    this.#openings.clear();
    this.#refused = 0;
    this.#opened = 0;
    this.#lastUs = 0;
  }

  #sum() {
    let events = 0;
    let repeated = 0;
    for (const { ledger } of this.#clients) {
      events += ledger.count;
      repeated += ledger.repeated;
    }
    return { events, repeated };
  }

  haul(): Haul {
    const { events, repeated } = this.#sum();
    return {
      events: events - this.#before.events,
      repeated: repeated - this.#before.repeated,
      refused: this.#refused,
      opened: this.#opened,
      lastUs: this.#lastUs,
      delays: this.#delays.counts,
      openings: this.#openings.counts,
    };
  }

  leave(): void {
    this.#weather = undefined;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.cutAll();
  }
}
