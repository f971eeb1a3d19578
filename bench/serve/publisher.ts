import { setTimeout as sleep } from "node:timers/promises";
import { nextTurn, nowUs } from "../clock.ts";
import type { Dialect } from "../load/dialect.ts";
import { PayloadMaker } from "../payload.ts";
import type { Served } from "../peer.ts";
import { Witness } from "./witness.ts";

/**
 * How fast is published.
 *
 * `flat-out`: as fast as it is taken, with no more than this in one turn of the event loop. `turns`: one event a turn.
 * `witnessed`: so many to one channel, and more when these have been written to everybody, by what a witness sees.
 * `rate`: so many a second in all, each at its own time, however late the ones before it were.
 */
export type Pace =
  | { readonly kind: "flat-out"; readonly eventsMax: number; readonly bytesMax: number }
  | { readonly kind: "turns" }
  | { readonly kind: "witnessed"; readonly eventsMax: number; readonly bytesMax: number }
  | { readonly kind: "rate"; readonly perSecond: number };

/** What a publisher in the server's own process is to do. */
export interface PublishJob {
  readonly channels: readonly string[];
  readonly payloadBytes: number;
  /** Payloads differ as those of an application do, which compression takes more time for. */
  readonly isVaried?: boolean;
  readonly durationMs: number;
  /** No more than this to each channel. */
  readonly eventsMax?: number;
  readonly pace: Pace;
}

export interface Published {
  /** To each channel. */
  readonly events: number;
  /** When the first was published, by `nowUs`. */
  readonly startUs: number;
  /** By how much the latest of them was late, in microseconds; 0 where there is no time to keep. */
  readonly latestUs: number;
}

/** What sockets may hold, on the average, before a publisher waits for them to be taken. */
const unsentBytesPerReader = 16 * 1024;
/** Timers are up to a millisecond late; the rest is waited for turn by turn. */
const timerSlackUs = 2000;

/** Publishes to the channels by turns, to each the same number of events. */
export class Publisher {
  readonly #served: Served;
  readonly #unsentBytesMax: number;
  readonly #dialect: Dialect;
  #witness: Witness | undefined;
  #sequence = 0;

  constructor(served: Served, readers: number, dialect: Dialect) {
    this.#served = served;
    this.#dialect = dialect;
    this.#unsentBytesMax = Math.max(1, readers) * unsentBytesPerReader;
  }

  async run(job: PublishJob): Promise<Published> {
    await this.#prepare(job);
    const startUs = nowUs();
    const round = new Rounds(this.#served, job, this.#sequence, startUs + job.durationMs * 1000);
    const latestUs = await this.#publish(round, job, startUs);
    const events = round.sequence - this.#sequence;
    this.#sequence = round.sequence;
    return { events, startUs, latestUs };
  }

  async #publish(round: Rounds, job: PublishJob, startUs: number): Promise<number> {
    const { pace, payloadBytes } = job;
    switch (pace.kind) {
      case "flat-out":
        await this.#inTurns(round, eventsAtOnce(pace, payloadBytes));
        return 0;
      case "turns":
        await this.#inTurns(round, 1);
        return 0;
      case "witnessed":
        await this.#inWindows(round, job, eventsAtOnce(pace, payloadBytes));
        return 0;
      case "rate":
        return await this.#onTime(round, 1e6 / pace.perSecond, startUs);
    }
  }

  async #inTurns(round: Rounds, eventsMax: number): Promise<void> {
    while (!round.isOver) {
      for (let count = 0; count < eventsMax && !round.isOver; count++) round.publish(nowUs());
      await round.acknowledged();
      await nextTurn();
      await this.#drained();
    }
  }

  async #inWindows(round: Rounds, { channels }: PublishJob, eventsMax: number): Promise<void> {
    const witness = this.#witness;
    if (witness === undefined || channels.length !== 1) throw new Error("A witness reads one channel.");
    let expected = witness.events;
    while (!round.isOver) {
      for (let count = 0; count < eventsMax && !round.isOver; count++) {
        round.publish(nowUs());
        expected++;
      }
      const seen = witness.saw(expected);
      // Awaited below, unless publishing fails before.
      seen.catch(() => {});
      await round.acknowledged();
      await seen;
      await this.#drained();
    }
  }

  /** Waits until sockets hold no more than they may. */
  async #drained(): Promise<void> {
    while (this.#served.unsentBytes() > this.#unsentBytesMax) await nextTurn();
  }

  /** Opens its witness, which must come after all readers, and before the time is taken. */
  async #prepare({ channels: [channel = ""], payloadBytes, pace }: PublishJob): Promise<void> {
    if (pace.kind !== "witnessed") return;
    this.#witness ??= await Witness.open(this.#dialect, this.#served.port, channel, payloadBytes);
  }

  async #onTime(round: Rounds, intervalUs: number, startUs: number): Promise<number> {
    let latestUs = 0;
    for (let count = 0; ; count++) {
      const dueUs = Math.round(startUs + count * intervalUs);
      // What was due is published, however late it is by now.
      if (round.isEndedAt(dueUs)) break;
      await until(dueUs);
      round.publish(dueUs);
      latestUs = Math.max(latestUs, nowUs() - dueUs);
    }
    await round.acknowledged();
    return latestUs;
  }
}

function eventsAtOnce(
  { eventsMax, bytesMax }: { eventsMax: number; bytesMax: number },
  payloadBytes: number,
): number {
  return Math.max(1, Math.min(eventsMax, Math.floor(bytesMax / payloadBytes)));
}

async function until(dueUs: number): Promise<void> {
  for (let left = dueUs - nowUs(); left > 0; left = dueUs - nowUs()) {
    if (left > timerSlackUs) await sleep(Math.floor((left - timerSlackUs) / 1000));
    else await nextTurn();
  }
}

/** The events of one job: in each round one to every channel, all with the same number. */
class Rounds {
  sequence: number;
  readonly #served: Served;
  readonly #channels: readonly string[];
  readonly #maker: PayloadMaker;
  readonly #endUs: number;
  readonly #last: number;
  #next = 0;
  #unacknowledged: Promise<unknown>[] = [];

  constructor(
    served: Served,
    { channels, payloadBytes, isVaried, eventsMax = Number.POSITIVE_INFINITY }: PublishJob,
    sequence: number,
    endUs: number,
  ) {
    this.#served = served;
    this.#channels = channels;
    this.#maker = new PayloadMaker(payloadBytes, isVaried);
    this.#endUs = endUs;
    this.#last = sequence + eventsMax;
    this.sequence = sequence;
  }

  /** A round that was begun is finished, so that every channel gets the same. */
  get isOver(): boolean {
    return this.isEndedAt(nowUs());
  }

  isEndedAt(timeUs: number): boolean {
    return this.#next === 0 && (this.sequence >= this.#last || timeUs >= this.#endUs);
  }

  publish(timeUs: number): void {
    if (this.#next === 0) this.sequence++;
    const payload = this.#maker.make(this.sequence, timeUs);
    const acknowledged = this.#served.publish(this.#channels[this.#next] ?? "", payload);
    this.#next = (this.#next + 1) % this.#channels.length;
    if (acknowledged === undefined) return;
    // Whoever waits for it hears of the failure; until then it is nobody's.
    acknowledged.catch(() => {});
    this.#unacknowledged.push(acknowledged);
  }

  async acknowledged(): Promise<void> {
    const promises = this.#unacknowledged;
    if (promises.length === 0) return;
    this.#unacknowledged = [];
    await Promise.all(promises);
  }
}
