import type { Holdfast } from "@holdfast/server";
import { Instance, type InstanceReport } from "./instance.ts";

/** How often readiness is asked for. */
const probeMs = 250;

/** Nobody is there who would notice, or nobody is to come back. */
const atOnce = { noticeMs: 0, spreadMs: 0, deadlineMs: 1000 };

/** The port that is for throwing away: nobody listens there. */
const nowhere = "http://127.0.0.1:9";

/** What a pool looks like right now. */
export interface PoolReport {
  /** Of what was deployed last; counts from 1. */
  readonly version: number;
  readonly deploying: boolean;
  readonly nodes: readonly InstanceReport[];
}

export interface PoolOptions {
  /** Nodes that serve when nothing is being deployed. */
  readonly size: number;
  /** Makes a node that knows nothing of those before it but the log. */
  create(): Holdfast;
  /** Something of the report is new. */
  changed(report: PoolReport): void;
}

/**
 * The nodes behind one address, with what a load balancer and an operator do: asks each whether it is ready, says who
 * takes what comes, and puts new ones in their places.
 */
export class Pool {
  readonly #options: PoolOptions;
  #instances: readonly Instance[] = [];
  #probing: NodeJS.Timeout | undefined;
  #deploying: Promise<void> | undefined;
  #version = 1;
  #started = 0;
  #turn = 0;
  #reported = "";
  #isClosed = false;

  private constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Resolves when every node is ready. */
  static async open(options: PoolOptions): Promise<Pool> {
    const pool = new Pool(options);
    await Promise.all(Array.from({ length: options.size }, () => pool.#start()));
    pool.#probing = setInterval(() => void pool.#probe(), probeMs);
    return pool;
  }

  get report(): PoolReport {
    return {
      version: this.#version,
      deploying: this.#deploying !== undefined,
      nodes: this.#instances.map(({ report }) => report),
    };
  }

  /** The address of a node that takes what comes now: the ready ones in turn, and any where none is. */
  readonly pick = (): string => {
    const ready = this.#instances.filter(({ isReady }) => isReady);
    const among = ready.length > 0 ? ready : this.#instances;
    return among[this.#turn++ % among.length]?.url ?? nowhere;
  };

  /**
   * Puts a new node in the place of each, one after the other. Resolves when that is done; asked meanwhile, it is the same
   * deploy. Rejects when a new one does not become ready: the old ones serve on.
   */
  deploy(): Promise<void> {
    this.#deploying ??= this.#deploy().finally(() => {
      this.#deploying = undefined;
      this.#tell();
    });
    return this.#deploying;
  }

  async #deploy(): Promise<void> {
    const before = this.#version++;
    try {
      await this.#replaceAll();
    } catch (error) {
      if (this.#instances.every(({ report }) => report.version === before)) this.#version = before;
      throw error;
    }
  }

  async #replaceAll(): Promise<void> {
    // #region deploy
    for (const old of this.#instances) {
      // Takes its part as soon as /health/ready answers 200.
      await this.#start();
      // Answers 503 from now on, and is sent nobody more.
      // Then its clients go, one after the other, over two seconds.
      await old.leave({ noticeMs: 750, spreadMs: 2000, deadlineMs: 5000 });
      this.#remove(old);
    }
    // #endregion
  }

  async #start(): Promise<void> {
    const instance = await Instance.start(this.#options.create(), ++this.#started, this.#version);
    this.#instances = [...this.#instances, instance];
    this.#tell();
    try {
      await instance.untilReady(probeMs);
    } catch (error) {
      await instance.leave(atOnce);
      this.#remove(instance);
      throw error;
    }
    this.#tell();
  }

  #remove(old: Instance): void {
    this.#instances = this.#instances.filter((one) => one !== old);
    this.#tell();
  }

  async #probe(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.probe()));
    this.#tell();
  }

  #tell(): void {
    const { report } = this;
    const reported = JSON.stringify(report);
    if (this.#isClosed || reported === this.#reported) return;
    this.#reported = reported;
    this.#options.changed(report);
  }

  async close(): Promise<void> {
    // One that fails has told so to whoever asked for it.
    await this.#deploying?.catch(() => {});
    this.#isClosed = true;
    clearInterval(this.#probing);
    await Promise.all(this.#instances.map((instance) => instance.leave(atOnce)));
  }
}
