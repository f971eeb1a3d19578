import type { Farewell, Retracted, Session, Sink } from "@holdfast/core/server";
import type { ConnectionSocket, Link } from "../attendance.ts";
import type { Timed } from "../deadlines.ts";
import type { Client } from "../limits/admission.ts";
import type { Traffic } from "../metrics/traffic.ts";
import type { Node } from "../node.ts";
import type { Flushable } from "../tick.ts";
import type { Taken } from "./stream-wire.ts";

/**
 * A sink that gathers what is written in one tick, so that a writable connection costs one write a tick.
 *
 * It is full when it and its socket hold `bytesMax` or more; what made it so is still taken whole.
 */
export abstract class BufferedSink implements Sink, Flushable, Link {
  readonly client: Client;
  protected readonly node: Node;
  readonly #bytesMax: number;
  readonly #traffic: Traffic;
  readonly openedAt = Math.floor(performance.now());
  /** Nearly always there is one write a tick: that needs no list. */
  #first: Uint8Array | undefined;
  #rest: Uint8Array[] | undefined;
  #bytes = 0;
  /** Whether the socket held anything back at the last write to it: mostly not, and then it need not be asked at the next. */
  #lags = false;
  #enlisted = false;
  #isFull = false;
  #held: boolean;
  #session: Session | undefined;
  #timed: Timed | undefined;

  /** `held` keeps everything back until `release` is called. */
  constructor(node: Node, client: Client, traffic: Traffic, held = false) {
    this.node = node;
    this.client = client;
    this.#bytesMax = node.limits.connectionBufferBytesMax;
    this.#traffic = traffic;
    this.#held = held;
  }

  get traffic(): Traffic {
    return this.#traffic;
  }

  abstract get socket(): ConnectionSocket | undefined;

  /** Bytes that the socket has taken and not sent. */
  protected abstract get inSocket(): number;

  get unsent(): number {
    return this.#bytes + this.inSocket;
  }

  /** Whether the connection can still be written to. */
  abstract get isWritable(): boolean;

  /** Hands everything to the socket in one go; `taken` is called when all of it is out of this process. */
  protected abstract put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: Taken): void;

  /** Ends the connection at once, with what its socket still holds. */
  protected abstract cut(): void;

  abstract close(farewell: Farewell): void;
  abstract pauseInput(paused: boolean): void;

  over(farewell?: Farewell): void {
    this.node.attendance.leave(this, farewell);
  }

  sooner(): void {
    this.node.attendance.expect(this);
  }

  /** Says whose sink this is, and whose deadlines count. Before anything else happens to it. */
  serve(session: Session, timed: Timed = session): void {
    this.#session = session;
    this.#timed = timed;
  }

  get session(): Session {
    if (this.#session === undefined) throw new Error("A sink serves a session.");
    return this.#session;
  }

  get timed(): Timed {
    return this.#timed ?? this.session;
  }

  write(bytes: Uint8Array): boolean {
    if (bytes.length === 0) return !this.#isFull;
    if (this.#first === undefined) this.#first = bytes;
    else if (this.#rest === undefined) this.#rest = [bytes];
    else this.#rest.push(bytes);
    this.#bytes += bytes.length;
    if (!this.#enlisted && !this.#held) {
      this.#enlisted = true;
      this.node.tick.enlist(this);
    }
    if (!this.#isFull) this.#isFull = (this.#lags ? this.unsent : this.#bytes) >= this.#bytesMax;
    return !this.#isFull;
  }

  flush(): void {
    this.#enlisted = false;
    const first = this.#first;
    if (first === undefined || this.#held) return;
    const rest = this.#rest;
    const bytes = this.#bytes;
    this.#first = undefined;
    this.#rest = undefined;
    this.#bytes = 0;
    if (!this.isWritable) return;
    this.#traffic.sent(rest === undefined ? 1 : 1 + rest.length, bytes);
    this.put(first, rest, this.#isFull ? (error) => this.#drained(error) : undefined);
    this.#lags = this.inSocket > 0;
  }

  retract(): Retracted {
    const isEmpty = this.#first === undefined;
    this.#first = undefined;
    this.#rest = undefined;
    this.#bytes = 0;
    if (this.inSocket === 0) return isEmpty ? "nothing" : "dropped";
    this.cut();
    return "cut";
  }

  /** Lets out what was held back. */
  release(): void {
    this.#held = false;
    this.flush();
  }

  #drained(error?: Error | null): void {
    if (error) return;
    this.#isFull = false;
    this.session.drained();
    this.resumed();
  }

  /** There is room again, as far as those who were behind have left any. */
  protected resumed(): void {}
}
