import {
  type Cursor,
  formatCursor,
  formatSubscription,
  type GapReason,
  type HoldfastError,
  type Position,
  type Start,
} from "@holdfast/protocol";
import type { Batch, ChannelEvent } from "./incoming.ts";

/** What a step from one cursor to another means for a reader: all of it, what lies after its position, nothing, or a hole. */
export type Step = "take" | "rest" | "drop" | "hole";

/** Rule CLI-2, for a batch: both its cursors are of one epoch. */
export function stepOfBatch(position: Cursor, from: Cursor, to: Cursor): Step {
  if (position.epoch !== to.epoch) return "hole";
  if (from.offset === position.offset) return "take";
  if (to.offset <= position.offset) return "drop";
  return from.offset < position.offset ? "rest" : "hole";
}

/** Rule CLI-2, for a gap: it may lead back, or into another epoch. */
export function stepOfGap(position: Cursor, from: Cursor, to: Cursor): Step {
  if (from.epoch === position.epoch && from.offset === position.offset) return "take";
  if (to.epoch === position.epoch && to.offset <= position.offset) return "drop";
  return from.epoch === position.epoch && from.offset < position.offset ? "rest" : "hole";
}

/** What a subscriber asks for. */
export interface Wants {
  readonly start: Start;
  readonly signals: boolean;
  readonly presence: boolean;
  /** Joins as a member with this data; `undefined` does not join. */
  readonly join?: unknown;
}

/** Told to the application: events between two cursors can no longer be had. Rule GAP-1. */
export interface Gap {
  readonly channel: string;
  readonly from: string;
  readonly to: string;
  readonly reason: GapReason;
}

/** Of what is still on its way when a channel is parked, so many times `bufferedEventsMax` may await the application. */
export const heldFactor = 16;
/** And so much of it, in bytes or characters. */
const heldSizeMax = 8 * 1024 * 1024;

/**
 * `parked`: the application reads slower than events arrive, so the channel is left on the wire until it has caught
 * up; what is still on its way is taken. `ended` and `refused` are final.
 */
export type Phase =
  | { readonly type: "active" }
  | { readonly type: "parked" }
  | { readonly type: "ended"; readonly cursor: string }
  | { readonly type: "refused"; readonly error: HoldfastError };

/** One channel's reader on the client: where it stands, and what may move it. Rules CLI-1 to CLI-3. */
export class Subscription {
  readonly channel: string;
  wants: Wants;
  phase: Phase = { type: "active" };
  #position: Cursor | undefined;
  #positionText: string | undefined;
  #announced = false;
  #buffered = 0;
  /** Of these, what was given to the application in its present turn, in which it could not yet take any of it. */
  #fresh = 0;
  #freshTurn = -1;
  /** The length of what was taken since it was parked. */
  #heldSize = 0;
  readonly #bufferedMax: number;

  constructor(channel: string, wants: Wants, bufferedMax: number) {
    this.channel = channel;
    this.wants = wants;
    this.#bufferedMax = bufferedMax;
    if ("after" in wants.start && typeof wants.start.after === "object") this.#move(wants.start.after);
  }

  /** Everything up to here was delivered; `undefined` until `subscribed` says where reading starts. */
  get position(): Cursor | undefined {
    return this.#position;
  }

  get positionText(): string | undefined {
    return this.#positionText;
  }

  /** Whether it is to be read on the wire. */
  get isActive(): boolean {
    return this.phase.type === "active";
  }

  /** Whether it takes what comes; one batch may go beyond each bound. */
  get isTaking(): boolean {
    const isFull = this.#buffered >= this.#bufferedMax * heldFactor || this.#heldSize >= heldSizeMax;
    return !this.isFinal && !isFull;
  }

  get isFinal(): boolean {
    return this.phase.type === "ended" || this.phase.type === "refused";
  }

  /** What to say to a server so that it reads on from here. Rule CLI-3. */
  toWire(): Record<string, unknown> {
    const start: Start =
      this.#position === undefined ? this.wants.start : { after: this.#position as Position };
    return formatSubscription({ ...this.wants, channel: this.channel, start });
  }

  /** The server says where reading starts, which moves a position only where there was none. True the first time. */
  subscribed(cursor: Cursor): boolean {
    if (this.#position === undefined) this.#move(cursor);
    const first = !this.#announced;
    this.#announced = true;
    return first;
  }

  /**
   * Answers the events that are new, or `hole`; nothing of a hole is taken. Parks it where the application has not
   * caught up with what it was given before this turn, as it may take a whole page as fast as that came.
   */
  take(batch: Batch, turn: number): readonly ChannelEvent[] | "hole" {
    if (this.#position === undefined) return "hole";
    const position = this.#position;
    const step = stepOfBatch(position, batch.from, batch.to);
    if (step === "hole") return step;
    if (step === "drop") return [];
    const { offsets } = batch;
    const events =
      step === "take"
        ? batch.events
        : batch.events.slice(offsets.findLastIndex((one) => one <= position.offset) + 1);
    this.#move(batch.to);
    if (this.#freshTurn !== turn) this.#fresh = 0;
    this.#freshTurn = turn;
    const isLagging = events.length > 0 && this.#buffered - this.#fresh >= this.#bufferedMax;
    this.#fresh += events.length;
    this.#buffered += events.length;
    if ((isLagging || !this.isTaking) && this.phase.type === "active") this.phase = { type: "parked" };
    if (this.phase.type === "parked") this.#heldSize += batch.size;
    return events;
  }

  /** Answers the gap as this reader sees it, `undefined` when it lies behind, or `hole`. */
  skip(from: Cursor, to: Cursor, reason: GapReason): Gap | undefined | "hole" {
    const position = this.#position;
    const before = this.#positionText;
    if (position === undefined || before === undefined) return "hole";
    const step = stepOfGap(position, from, to);
    if (step === "hole") return step;
    if (step === "drop") return undefined;
    this.#move(to);
    return { channel: this.channel, from: before, to: formatCursor(to), reason };
  }

  /** The application has taken `count` events. Answers whether that ended the parking. */
  consumed(count: number): boolean {
    this.#buffered = Math.max(0, this.#buffered - count);
    if (this.phase.type !== "parked" || this.#buffered > this.#bufferedMax / 2) return false;
    this.phase = { type: "active" };
    this.#heldSize = 0;
    return true;
  }

  #move(to: Cursor): void {
    this.#position = to;
    this.#positionText = formatCursor(to);
  }
}
