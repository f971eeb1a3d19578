import { nowUs } from "../clock.ts";
import { PayloadMaker } from "../payload.ts";
import type { PublishWay } from "../publish-way.ts";
import type { Dialect } from "./dialect.ts";
import { type Counts, Histogram } from "./histogram.ts";
import {
  HttpPublisher,
  httpBytes,
  type PublishingConnection,
  WebSocketPublisher,
  webSocketBytes,
} from "./publishing-connection.ts";
import type { Crew } from "./reader.ts";
import { Slot } from "./slot.ts";
import { Tally } from "./tally.ts";

export interface PublishingSpec {
  readonly port: number;
  /** Each has a connection of its own, and so an order of its own. */
  readonly channels: readonly string[];
  readonly payloadBytes: number;
  /** Events in one message or request. */
  readonly batch: number;
  /** Messages that a WebSocket has under way; over HTTP it is one request. */
  readonly inFlight: number;
}

/** What publishers have done in a window. */
export interface Acknowledged {
  readonly events: number;
  readonly startUs: number;
  /** When the last acknowledgement came. */
  readonly endUs: number;
  /** How long acknowledgements took, in microseconds. */
  readonly delays: Counts;
}

/** One connection with what it sends. */
class Lane {
  readonly channel: string;
  readonly slots: readonly Slot[];
  connection: PublishingConnection | undefined;
  /** Slots in the order in which they were sent. */
  readonly underWay: Slot[] = [];
  sequence = 0;

  constructor(channel: string, slots: readonly Slot[]) {
    this.channel = channel;
    this.slots = slots;
  }

  send(slot: Slot): void {
    slot.number(this.sequence + 1);
    this.sequence += slot.events;
    slot.sentUs = nowUs();
    this.underWay.push(slot);
    this.connection?.send(slot.bytes);
  }
}

/** All publishers of one load generator: each sends the next message when one was acknowledged. */
export class PublishingCrew {
  readonly #way: PublishWay;
  readonly #spec: PublishingSpec;
  readonly #lanes: readonly Lane[];
  readonly #delays = new Histogram();
  #events = 0;
  #underWay = 0;
  #untilUs = 0;
  #lastUs = 0;
  #done: PromiseWithResolvers<void> | undefined;
  #failure: Error | undefined;

  constructor(way: PublishWay, spec: PublishingSpec) {
    this.#way = way;
    this.#spec = spec;
    const maker = new PayloadMaker(spec.payloadBytes);
    const payloads = Array.from({ length: spec.batch }, () => maker.make(0, 0));
    this.#lanes = spec.channels.map((channel) => new Lane(channel, this.#slotsOf(channel, payloads)));
  }

  #slotsOf(channel: string, payloads: readonly string[]): Slot[] {
    const way = this.#way;
    if (way.over === "HTTP") return [new Slot(httpBytes(way, channel, payloads, this.#spec.port))];
    return Array.from(
      { length: this.#spec.inFlight },
      (_, index) => new Slot(webSocketBytes(way, channel, payloads, index)),
    );
  }

  /** Opens all connections; rejects with the first failure. */
  async open(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => this.#openLane(lane)));
  }

  #openLane(lane: Lane): Promise<void> {
    const way = this.#way;
    const { port, payloadBytes } = this.#spec;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const failed = (error: Error) => {
      this.#failure ??= error;
      reject(error);
      this.#done?.reject(error);
    };
    const acknowledged = () => this.#acknowledged(lane);
    if (way.over === "HTTP") {
      lane.connection = new HttpPublisher(port, resolve, acknowledged, failed);
    } else {
      const crew = new LonelyCrew(way.dialect, port, payloadBytes, resolve, failed);
      lane.connection = new WebSocketPublisher(
        crew,
        lane.channel,
        new Tally(payloadBytes, false),
        way,
        acknowledged,
      );
    }
    return promise;
  }

  /** Publishes for so long, and resolves when all of it has been acknowledged. */
  async publish(durationMs: number): Promise<Acknowledged> {
    if (this.#failure !== undefined) throw this.#failure;
    const startUs = nowUs();
    this.#untilUs = startUs + durationMs * 1000;
    this.#events = 0;
    this.#delays.clear();
    this.#done = Promise.withResolvers();
    for (const lane of this.#lanes) {
      for (const slot of lane.slots) this.#send(lane, slot);
    }
    await this.#done.promise;
    return { events: this.#events, startUs, endUs: this.#lastUs, delays: this.#delays.counts };
  }

  #send(lane: Lane, slot: Slot): void {
    this.#underWay++;
    lane.send(slot);
  }

  #acknowledged(lane: Lane): void {
    const slot = lane.underWay.shift();
    // What nobody asked for acknowledges nothing.
    if (slot === undefined) return;
    this.#lastUs = nowUs();
    this.#underWay--;
    this.#events += slot.events;
    this.#delays.record(this.#lastUs - slot.sentUs);
    if (this.#lastUs < this.#untilUs) this.#send(lane, slot);
    else if (this.#underWay === 0) this.#done?.resolve();
  }

  leave(): void {
    for (const { connection } of this.#lanes) connection?.leave();
  }
}

/** What a WebSocket that publishes needs to know of its process: it counts nothing. */
class LonelyCrew implements Crew {
  readonly dialect: Dialect;
  readonly port: number;
  readonly payloadBytes: number;
  readonly buffer = Buffer.allocUnsafeSlow(64 * 1024);
  readonly live: () => void;
  readonly #failed: (error: Error) => void;

  constructor(
    dialect: Dialect,
    port: number,
    payloadBytes: number,
    live: () => void,
    failed: (error: Error) => void,
  ) {
    this.dialect = dialect;
    this.port = port;
    this.payloadBytes = payloadBytes;
    this.live = live;
    this.#failed = failed;
  }

  read(): void {}

  failed(_reader: unknown, why: Error): void {
    this.#failed(why);
  }
}
