import {
  type Bytes,
  type ControlMessage,
  formatEvent,
  type LogEvent,
  payloadBytes,
} from "@holdfast/protocol";
import { packEvent } from "@holdfast/protocol/msgpack";

/** An event with its JSON and its MessagePack, which all framings of the one or the other share, made on first need. */
export class EncodedEvent {
  readonly event: LogEvent;
  /** Counted once: it is a walk over the text. */
  readonly payloadBytes: number;
  readonly #epoch: string;
  #json: string | undefined;
  #packed: Bytes | undefined;

  constructor(epoch: string, event: LogEvent) {
    this.#epoch = epoch;
    this.event = event;
    this.payloadBytes = payloadBytes(event.payload);
  }

  get json(): string {
    this.#json ??= formatEvent(this.#epoch, this.event);
    return this.#json;
  }

  get packed(): Bytes {
    this.#packed ??= packEvent(this.#epoch, this.event);
    return this.#packed;
  }

  get offset(): number {
    return this.event.offset;
  }

  get cursor(): string {
    return `${this.#epoch}-${this.event.offset}`;
  }
}

/** How a transport's face writes what the server says. */
export interface Framing {
  /** Sessions whose framings have the same one of the `slots` share bytes; a framing of slot -1 is one connection's own. */
  readonly slot: number;
  events(batch: Batch): Bytes;
  /** Undefined where this face does not say such a thing. */
  control(message: ControlMessage): Bytes | undefined;
}

/** Events that take a reader from one cursor to another, encoded once per framing. Rule DUP-1. */
export class Batch {
  readonly channel: string;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly events: readonly EncodedEvent[];
  readonly #bytes: (Bytes | undefined)[] = [];

  constructor(channel: string, epoch: string, from: number, to: number, events: readonly EncodedEvent[]) {
    this.channel = channel;
    this.epoch = epoch;
    this.from = from;
    this.to = to;
    this.events = events;
  }

  bytes(framing: Framing): Bytes {
    const { slot } = framing;
    if (slot === -1) return framing.events(this);
    let bytes = this.#bytes[slot];
    if (bytes === undefined) {
      bytes = framing.events(this);
      this.#bytes[slot] = bytes;
    }
    return bytes;
  }
}

/** A message that many sessions are told, encoded once per framing. */
export class Notice {
  readonly message: ControlMessage;
  readonly #bytes: (Bytes | undefined)[] = [];

  constructor(message: ControlMessage) {
    this.message = message;
  }

  bytes(framing: Framing): Bytes | undefined {
    const { slot } = framing;
    if (slot === -1) return framing.control(this.message);
    this.#bytes[slot] ??= framing.control(this.message);
    return this.#bytes[slot];
  }
}
