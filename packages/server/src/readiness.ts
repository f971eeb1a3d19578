import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { Node } from "./node.ts";

/** Health checks come more often than this. */
const watchedMs = 60_000;
/** How long an answer holds: whoever asks more often hears it again, and the log is spared. */
const freshMs = 1000;
const soonMs = 1000;

/** Tells whether an event published here would be delivered, by having one delivered. Rule HTTP-3. */
export class Readiness {
  readonly #node: Node;
  readonly #channel: string;
  /** By the clock that nobody sets. */
  #watchedAt = Number.NEGATIVE_INFINITY;
  #last: { endedAt: number; readonly result: Promise<void> } | undefined;

  constructor(node: Node) {
    this.#node = node;
    this.#channel = `holdfast.ready:${node.id}`;
  }

  /** Rejects with the reason when this node is not ready. */
  async check(): Promise<void> {
    const { clock, isLeaving } = this.#node;
    if (isLeaving) throw new HoldfastError("draining", "This node is going away.");
    if (this.#last === undefined || Math.abs(clock.now() - this.#last.endedAt) >= freshMs) this.#begin();
    await this.#last?.result;
  }

  /** The same as a word, and soon: what is not known within a second is not ready. */
  async isReady(): Promise<boolean> {
    const { deadlines } = this.#node;
    return await new Promise((resolve) => {
      const cancel = deadlines.after(soonMs, () => resolve(false));
      const settle = (isReady: boolean) => {
        cancel();
        resolve(isReady);
      };
      this.check().then(
        () => settle(true),
        () => settle(false),
      );
    });
  }

  /** Somebody asks who would notice if the answer were another. */
  watched(): void {
    this.#watchedAt = performance.now();
  }

  /** Whether somebody has done so lately. */
  get isWatched(): boolean {
    return performance.now() - this.#watchedAt <= watchedMs;
  }

  #begin(): void {
    const { clock } = this.#node;
    const result = this.#test();
    // A question that comes while this one is open shares its answer, however long that takes.
    const last = { endedAt: Number.NaN, result };
    this.#last = last;
    const end = () => {
      last.endedAt = clock.now();
    };
    result.then(end, end);
  }

  async #test(): Promise<void> {
    try {
      await this.#node.broker.probe();
      await this.#node.control?.read();
      await this.#deliver();
    } catch (thrown) {
      const error = toHoldfastError(thrown);
      if (error.status === 503) throw error;
      throw new HoldfastError("broker_unavailable", `An event could not be delivered: ${error.message}`, {
        cause: thrown,
      });
    }
  }

  async #deliver(): Promise<void> {
    const { hubs, deadlines, settings } = this.#node;
    const { to } = await hubs.page(this.#channel, { after: "latest" }, { eventsMax: 1, bytesMax: 1024 });
    let cancel = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const { brokerDeadlineMs } = settings;
        const late = () =>
          reject(
            new HoldfastError(
              "broker_unavailable",
              `An event published here was not delivered within ${brokerDeadlineMs} ms.`,
            ),
          );
        const stop = deadlines.after(brokerDeadlineMs, late);
        const publish = async () => {
          const leave = await hubs.wait(this.#channel, to, resolve);
          cancel = () => {
            stop();
            leave();
          };
          await hubs.publish(this.#channel, [{ payload: { encoding: "json", text: "true" }, key: "ready" }]);
        };
        publish().catch((error: unknown) => {
          stop();
          reject(error);
        });
      });
    } finally {
      cancel();
    }
  }
}
