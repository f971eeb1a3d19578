import { setTimeout as sleep } from "node:timers/promises";
import { HoldfastError } from "@holdfast/protocol";
import type { Holdfast } from "@holdfast/server";

const perSecondMax = 200;

export interface TickerOptions {
  readonly channel: string;
  /** From 1 to 200. */
  readonly perSecond: number;
  /** Makes each event this much larger. */
  readonly ballastBytes?: number;
}

/** Publishes numbered events, so many a second. */
export class Ticker {
  readonly #holdfast: Holdfast;
  readonly #channel: string;
  readonly #ballast: string;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  #perSecond: number;

  constructor(holdfast: Holdfast, { channel, perSecond, ballastBytes = 0 }: TickerOptions) {
    this.#holdfast = holdfast;
    this.#channel = channel;
    this.#perSecond = perSecond;
    this.#ballast = "~".repeat(ballastBytes);
    this.#running = this.#run();
  }

  get perSecond(): number {
    return this.#perSecond;
  }

  /** From 1 to 200; throws `bad_parameter`. */
  set perSecond(wanted: unknown) {
    if (typeof wanted !== "number" || !Number.isInteger(wanted) || wanted < 1 || wanted > perSecondMax) {
      throw new HoldfastError("bad_parameter", `"perSecond" is a whole number from 1 to ${perSecondMax}.`);
    }
    this.#perSecond = wanted;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const channel = this.#channel;
    const ballast = this.#ballast;
    let nextAt = performance.now();
    for (let number = 1; !this.#stopping.signal.aborted; number++) {
      // #region publish
      // The id makes a retry harmless.
      const tick = { number, ballast };
      const id = `tick-${number}`;
      const publish = () => this.#holdfast.publish(channel, tick, { id });
      await this.#untilDone(publish);
      // #endregion
      const now = performance.now();
      // After a pause of the process there is nothing to make up for.
      nextAt = Math.max(nextAt + 1000 / this.#perSecond, now - 1000);
      if (nextAt > now) await this.#pause(nextAt - now);
    }
  }

  async #untilDone(publish: () => Promise<unknown>): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await publish();
        return;
      } catch (error) {
        console.error("The ticker could not publish, and tries again:", error);
        await this.#pause(1000);
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => {});
  }
}
