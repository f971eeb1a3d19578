import type { Dialect } from "../load/dialect.ts";
import { Inflater } from "../load/inflater.ts";
import { type Crew, Reader } from "../load/reader.ts";
import { Tally } from "../load/tally.ts";

/**
 * A reader in the server's own process, which came after all others, and so is given each event after they were.
 *
 * By it a publisher sees that an event has been written to everybody, also where a large fan-out takes several turns of
 * the event loop.
 */
export class Witness implements Crew {
  readonly dialect: Dialect;
  readonly port: number;
  readonly payloadBytes: number;
  readonly buffer = Buffer.allocUnsafeSlow(64 * 1024);
  readonly inflater = new Inflater();
  readonly #live = Promise.withResolvers<void>();
  readonly #reader: Reader;
  #awaited: (PromiseWithResolvers<void> & { readonly events: number }) | undefined;
  #failure: Error | undefined;

  private constructor(dialect: Dialect, port: number, channel: string, payloadBytes: number) {
    this.dialect = dialect;
    this.port = port;
    this.payloadBytes = payloadBytes;
    this.#reader = new Reader(this, [channel], new Tally(payloadBytes, true));
  }

  /** Resolves when it is given events from now on. */
  static async open(dialect: Dialect, port: number, channel: string, payloadBytes: number): Promise<Witness> {
    const witness = new Witness(dialect, port, channel, payloadBytes);
    await witness.#live.promise;
    return witness;
  }

  get events(): number {
    return this.#reader.tally.events;
  }

  /** Resolves when it has seen so many events; rejects when its connection ends. */
  async saw(events: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.events >= events) return;
    this.#awaited = { ...Promise.withResolvers<void>(), events };
    await this.#awaited.promise;
  }

  live(): void {
    this.#live.resolve();
  }

  read(): void {
    if (this.#awaited !== undefined && this.events >= this.#awaited.events) this.#awaited.resolve();
  }

  failed(_reader: Reader, why: Error): void {
    this.#failure = why;
    this.#live.reject(why);
    this.#awaited?.reject(why);
  }
}
