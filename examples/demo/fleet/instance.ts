import { setTimeout as sleep } from "node:timers/promises";
import type { CloseOptions, Holdfast } from "@holdfast/server";

const probeTimeoutMs = 2000;
const startTimeoutMs = 10_000;

/** What `/health/ready` answered last: 200, 503, or nothing at all. */
export type Health = "ready" | "red" | "silent";

/** What is to be seen of one node. */
export interface InstanceReport {
  /** Counts from 1, over all nodes there ever were. */
  readonly number: number;
  readonly version: number;
  readonly health: Health;
  /** It was told to leave. */
  readonly leaving: boolean;
  /** Connections that it serves: WebSockets, event streams and answers that are held. */
  readonly connections: number;
}

/** A node that runs, on a port of its own. */
export class Instance {
  readonly url: string;
  readonly #holdfast: Holdfast;
  readonly #number: number;
  readonly #version: number;
  #health: Health = "silent";
  #leaving = false;

  private constructor(holdfast: Holdfast, url: string, number: number, version: number) {
    this.#holdfast = holdfast;
    this.url = url;
    this.#number = number;
    this.#version = version;
  }

  static async start(holdfast: Holdfast, number: number, version: number): Promise<Instance> {
    const { url } = await holdfast.listen({ port: 0 });
    return new Instance(holdfast, url, number, version);
  }

  get isReady(): boolean {
    return this.#health === "ready";
  }

  get report(): InstanceReport {
    const { sessions } = this.#holdfast.stats();
    return {
      number: this.#number,
      version: this.#version,
      health: this.#health,
      leaving: this.#leaving,
      connections: sessions,
    };
  }

  /** Asks as a load balancer does: over the network, and whoever does not answer in time is not there. */
  async probe(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(probeTimeoutMs);
      const response = await fetch(`${this.url}/health/ready`, { signal });
      await response.body?.cancel();
      this.#health = response.ok ? "ready" : "red";
    } catch {
      this.#health = "silent";
    }
  }

  /** Rejects when that takes too long. */
  async untilReady(everyMs: number): Promise<void> {
    const until = performance.now() + startTimeoutMs;
    for (await this.probe(); !this.isReady; await this.probe()) {
      if (performance.now() > until) throw new Error(`Node ${this.#number} did not become ready.`);
      await sleep(everyMs);
    }
  }

  /** Stops it as a deployment does; resolves when nobody is there any more. */
  async leave(how: CloseOptions): Promise<void> {
    this.#leaving = true;
    await this.#holdfast.close(how);
  }
}
