import {
  type ControlMessage,
  errorMessage,
  HoldfastError,
  type ReconnectReason,
  toHoldfastError,
} from "@holdfast/protocol";
import { type Batch, type Framing, Notice } from "./batch.ts";
import type { Hubs } from "./hubs.ts";
import type { SessionCounts } from "./session-counts.ts";
import type { Farewell, Retracted, Sink } from "./sink.ts";

export interface VoiceOptions {
  readonly id: string;
  readonly hubs: Hubs;
  readonly sink: Sink;
  readonly framing: Framing;
  /** Counts what the session does, with others. */
  readonly counts?: SessionCounts;
}

/** What a held JSON answer is sent for. Rule SES-6. */
const tellTypes: ReadonlySet<ControlMessage["type"]> = new Set(["gap", "end", "unsubscribed", "error"]);

/**
 * How a session speaks: all that is said to its client, up to its farewell.
 *
 * A part of the session itself: each object of its own on the way of a delivery would be one more that is not in the cache.
 */
export abstract class Voice {
  readonly id: string;
  readonly hubs: Hubs;
  readonly counts: SessionCounts | undefined;
  protected readonly sink: Sink;
  readonly #framing: Framing;
  /** The sink takes no more. */
  protected isFull = false;
  #closed = false;
  #told = false;
  /** Something was written. What nobody asked for does not come before it. Rules SES-2, WSP-1. */
  protected hasSpoken = false;

  constructor({ id, hubs, sink, framing, counts }: VoiceOptions) {
    this.id = id;
    this.hubs = hubs;
    this.counts = counts;
    this.sink = sink;
    this.#framing = framing;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Something was said for which a held JSON answer is sent at once. Rule SES-6. */
  get told(): boolean {
    return this.#told;
  }

  say(message: ControlMessage): void {
    if (tellTypes.has(message.type)) this.#told = true;
    this.#write(new Notice(message));
  }

  /**
   * Tells a refusal in band: about one request or channel when named. Rules SES-7, PUB-3.
   *
   * Of what is no outcome the client learns nothing but that; it is reported as a fault.
   */
  refuse(thrown: unknown, about: { ref?: number; channel?: string } = {}): void {
    this.hubs.report(thrown, this.id);
    const error = toHoldfastError(thrown);
    this.counts?.refused(error.code);
    this.say(errorMessage(error, about));
  }

  deliver(batch: Batch): void {
    this.#told = true;
    this.#write(batch);
  }

  notice(notice: Notice): void {
    this.#write(notice);
  }

  #write(said: Batch | Notice): void {
    if (this.#closed) return;
    try {
      const bytes = said.bytes(this.#framing);
      // To a stream that frames by length, nothing would be its end.
      if (bytes === undefined || bytes.length === 0) return;
      this.hasSpoken = true;
      this.transmit(bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Writes bytes of the transport's own, such as the answer to a ping: what the client does not take of them counts as all the rest does. */
  transmit(bytes: Uint8Array): void {
    try {
      if (this.sink.write(bytes) || this.isFull || this.#closed) return;
    } catch (error) {
      this.fail(error);
      return;
    }
    this.filled();
  }

  /** The sink has become full. */
  protected abstract filled(): void;

  /** What was written is in doubt, so nothing may follow it. Other connections must not suffer for it. */
  protected fail(error: unknown): void {
    this.hubs.report(error, this.id);
    this.close({ kind: "refused", error: new HoldfastError("internal") });
  }

  /**
   * Takes back what was written and has not left, since some of it may be of a channel that was lost. True when there
   * was nothing; otherwise the connection ends, and the client goes on from its cursors on another. Rule REV-5.
   */
  retract(): boolean {
    const became = this.#retracted();
    if (became === "nothing") return true;
    if (became === "cut") this.gone();
    else this.reconnect(0, "permissions");
    return false;
  }

  #retracted(): Retracted {
    try {
      return this.sink.retract();
    } catch (error) {
      this.hubs.report(error);
      return "cut";
    }
  }

  /** Lets the client go now, to come back after `delayMs`. */
  reconnect(delayMs: number, reason: ReconnectReason): void {
    if (this.#closed) return;
    if (this.hasSpoken) this.say({ type: "reconnect", delayMs, reason });
    this.close({ kind: "reconnect", delayMs, reason });
  }

  /** Ends the connection of which nothing more may be heard but why: what was written and has not left goes too. */
  protected silence(error: HoldfastError): void {
    if (this.#retracted() === "cut") this.gone();
    else this.close({ kind: "refused", error });
  }

  close(farewell: Farewell): void {
    if (this.#closed) return;
    this.#end(farewell);
    this.#guard(() => this.sink.close(farewell));
  }

  /** The connection is no more: everything is released. */
  gone(): void {
    if (!this.#closed) this.#end();
  }

  #end(farewell?: Farewell): void {
    this.#closed = true;
    this.release();
    this.#guard(() => this.sink.over(farewell));
  }

  /** Lets go of all that the session reads and is a part of. */
  protected abstract release(): void;

  /** Calls the transport; what it throws must not reach other connections, which may be waiting for their turn. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.hubs.report(error, this.id);
    }
  }
}
