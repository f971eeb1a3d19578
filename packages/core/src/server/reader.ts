import type { Cursor, GapReason } from "@holdfast/protocol";
import type { Batch } from "./batch.ts";
import type { Hub } from "./hub.ts";

/** Whom a reader reads for. What it throws would reach other readers: it does not throw. */
export interface Receiver {
  /** Nothing is delivered while this is true; the receiver calls `Hub.pump` for its readers that fell behind when it ends. */
  readonly full: boolean;
  deliver(reader: Reader, batch: Batch): void;
  gap(reader: Reader, from: Cursor, to: Cursor, reason: GapReason): void;
  /** The channel is closed and read to its end; the reader is done. */
  end(reader: Reader): void;
  /** The reader is behind because the receiver is full. */
  fellBehind(reader: Reader): void;
  /** The reader has come to the head, and stays there as it moves. */
  arrived(reader: Reader): void;
  /** A reader that began at a cursor has got on: without a gap, unless a reason is given. Told once, and before what it is about. */
  resumed?(reader: Reader, gap?: GapReason): void;
}

/**
 * Where a reader is:
 * `live` stands at the hub's front and is moved with it; `behind` has something to read; `paging` waits for the broker's answer;
 * `waiting` knows more than the hub, which is reading the log; `done` reads no more.
 */
export type ReaderState = "live" | "behind" | "paging" | "waiting" | "done";

/** One subscription's cursor on one hub. */
export class Reader {
  readonly hub: Hub;
  readonly receiver: Receiver;
  state: ReaderState = "behind";
  #epoch: string;
  #offset: number;

  constructor(hub: Hub, receiver: Receiver, cursor: Cursor) {
    this.hub = hub;
    this.receiver = receiver;
    this.#epoch = cursor.epoch;
    this.#offset = cursor.offset;
  }

  /** A live reader has no position of its own: moving the hub's front moves them all. */
  get cursor(): Cursor {
    return this.state === "live" ? this.hub.front : { epoch: this.#epoch, offset: this.#offset };
  }

  /** Own position; only meaningful while not live. */
  get epoch(): string {
    return this.#epoch;
  }

  get offset(): number {
    return this.#offset;
  }

  moveTo(epoch: string, offset: number): void {
    this.#epoch = epoch;
    this.#offset = offset;
  }
}
