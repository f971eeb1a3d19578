import cluster, { type ClusterSettings } from "node:cluster";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { createSecureContext } from "node:tls";
import { type Broker, BrokerHost, MemoryBroker, type MemoryStats } from "@holdfast/core/broker";
import { LobbyExchange } from "@holdfast/core/server";
import { namespaceOf } from "@holdfast/protocol";
import { type CloseOptions, deadlineMsDefault, noticeMsOf } from "../calm/drain.ts";
import { ConfigurationError } from "../configuration-error.ts";
import { Deadlines } from "../deadlines.ts";
import type { Listening } from "../holdfast.ts";
import type { Certificate, ListenOptions } from "../listener.ts";
import { thrownField } from "../log.ts";
import { keepInMemory } from "../memory.ts";
import type { Telling, Told } from "../metrics/peers.ts";
import { checkCapabilities, type HoldfastOptions, readOptions, type Settings } from "../options.ts";
import type { Stats } from "../stats.ts";
import type { Order } from "./messages.ts";
import { PrimaryTelling } from "./primary-telling.ts";
import { Slot, type SlotHost } from "./slot.ts";
import { workerProcess } from "./worker.ts";

export interface PrimaryOptions {
  /** How many workers; one for each core is what serves most. */
  readonly workers: number;
  /** The path of the program that each worker runs; it calls `serveAsWorker`. */
  readonly script: string;
  readonly args?: readonly string[];
}

/** A worker as its primary sees it. */
export interface WorkerStats {
  readonly worker: number;
  readonly pid: number | undefined;
  /** Workers that had its place before, and ended. */
  readonly replaced: number;
  /** Absent while it starts, and when it does not answer. */
  readonly stats?: Stats;
}

export interface PrimaryStats {
  readonly workers: readonly WorkerStats[];
  /** Channels that some worker follows. */
  readonly followed: number;
  /** What the log holds, where the primary keeps it in memory. */
  readonly memory?: MemoryStats;
}

/** The process that keeps the log, and the workers that serve it. It serves nobody itself. */
export interface Primary {
  /** Rejects with the system's error for a port that is taken, and with a `WorkersError` when no worker can serve. */
  listen(options: ListenOptions): Promise<Listening>;
  stats(): Promise<PrimaryStats>;
  /** As `Holdfast.renewCertificate`, for all workers and those that come after them. */
  renewCertificate(certificate: Certificate): void;
  /** Lets all workers go, each as `Holdfast.close` does. Called again, it waits out no more of the notice. */
  close(options?: CloseOptions): Promise<void>;
  /** Rejects with a `WorkersError` when no worker serves any more and none can be started. */
  readonly failed: Promise<never>;
}

/** No worker can serve. */
export class WorkersError extends Error {
  override readonly name = "WorkersError";
}

/**
 * V8 grows its space for young objects to three times 16 MB under any load, which every worker would keep. A quarter of that costs no
 * throughput here: connections live long, and what they cause dies within a tick. Whoever has chosen a size keeps it.
 */
function youngSpace(): string[] {
  const chosen = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""];
  return chosen.some((text) => text.includes("max-semi-space-size")) ? [] : ["--max-semi-space-size=4"];
}

/** So many starts in a row fail in vain, while nobody serves, before a primary gives up. */
const failuresMax = 5;
/** Who does not answer by then is left out. */
const answerMs = 2000;
/** Beyond its own deadline a worker has this long to be gone. */
const graceMs = 5000;

/**
 * Creates the primary of several worker processes that serve one port and one log. Throws a `ConfigurationError`.
 *
 * A broker that is not shared is kept by the primary, and the workers ask it; one that is shared each worker makes for
 * itself, from the same options, and the primary only supervises.
 */
export function createPrimary(options: HoldfastOptions, how: PrimaryOptions): Primary {
  return new ClusterPrimary(options, how);
}

class ClusterPrimary implements Primary, SlotHost {
  readonly failed: Promise<never>;
  readonly exchange = new LobbyExchange();
  readonly #settings: Settings;
  readonly #deadlines = new Deadlines({ everyMs: 250, now: Date.now });
  readonly #broker: Broker | undefined;
  readonly #host: BrokerHost | undefined;
  readonly #slots: readonly Slot[];
  readonly #program: ClusterSettings;
  #giveUp: (error: Error) => void = () => {};
  #listen: ListenOptions = { port: 0 };
  /** How long readiness is red, once it is known. */
  #noticeMs: number | undefined;
  readonly #telling: PrimaryTelling;
  readonly #kill = () => {
    for (const slot of this.#slots) slot.kill();
  };

  constructor(options: HoldfastOptions, { workers, script, args = [] }: PrimaryOptions) {
    this.#settings = readOptions(options);
    const broker = this.#chooseBroker();
    checkCapabilities(broker, options.namespaces);
    if (broker.capabilities.shared) {
      // It was made only to be asked what it can do.
      if (broker !== options.broker) broker.stop().catch(() => {});
    } else {
      this.#broker = broker;
      this.#host = this.#serveLog(broker);
    }
    this.failed = new Promise((_, reject) => {
      this.#giveUp = reject;
    });
    this.failed.catch(() => {});
    // Connections are dealt out in turn: workers that accept by themselves get very unequal shares of long-lived ones.
    cluster.schedulingPolicy = cluster.SCHED_RR;
    const execArgv = [...process.execArgv, ...youngSpace()];
    this.#program = { exec: script, args: [...args], execArgv, stdio: [...workerProcess.stdio] };
    this.#slots = Array.from({ length: workers }, (_, index) => new Slot(index + 1, this));
    this.#telling = new PrimaryTelling({
      slots: this.#slots,
      memory: broker instanceof MemoryBroker ? broker : undefined,
      followed: () => this.#host?.followed ?? 0,
    });
    // Whatever ends this process, its workers are not to wait until they notice.
    process.on("exit", this.#kill);
  }

  get presenceGraceMs() {
    return this.#settings.limits.presenceGraceMs;
  }

  get log() {
    return this.#settings.logger;
  }

  #chooseBroker(): Broker {
    const clock = { now: () => Date.now() };
    const settings = this.#settings;
    const { broker } = settings;
    if (broker === undefined)
      return keepInMemory({ clock, settings, deadlines: this.#deadlines, log: this.log });
    if (typeof broker !== "function") return broker;
    return broker({ clock, retention: (channel) => settings.namespace(namespaceOf(channel)).retention });
  }

  #serveLog(broker: Broker): BrokerHost {
    const host: BrokerHost = new BrokerHost({
      broker,
      schedule: () => setImmediate(() => host.flush()),
      onError: (fault) =>
        this.log({ level: "error", message: "A call to the log failed.", error: thrownField(fault) }),
    });
    return host;
  }

  prepare(): void {
    cluster.setupPrimary(this.#program);
  }

  welcome(line: Parameters<BrokerHost["welcome"]>[0]) {
    return this.#host?.welcome(line);
  }

  orderFor(worker: number): Order {
    const broker = this.#host?.description;
    return { do: "serve", worker, listen: this.#listen, ...(broker === undefined ? {} : { broker }) };
  }

  async gather(asker: number, what: keyof Telling): Promise<readonly Told<Telling[keyof Telling]>[]> {
    const others = this.#slots.filter(({ number }) => number !== asker);
    const told = await Promise.all(
      others.map(async (slot) => {
        const answer = await slot.ask(what, answerMs);
        return { worker: `${slot.number}`, ...(answer === undefined ? {} : { told: answer }) };
      }),
    );
    return [...told, { worker: "primary", told: await this.#telling.tell(what) }];
  }

  failing(why: string): void {
    if (this.#slots.some(({ url, failures }) => url !== undefined || failures < failuresMax)) return;
    this.#giveUp(new WorkersError(`No worker can serve; the last one ended with ${why}.`));
  }

  async listen({ port, host = "127.0.0.1", cert, key }: ListenOptions): Promise<Listening> {
    this.#listen = {
      host,
      port: await findPort(host, port),
      ...(cert === undefined ? {} : { cert: Buffer.from(cert).toString() }),
      ...(key === undefined ? {} : { key: Buffer.from(key).toString() }),
    };
    const [first, ...others] = this.#slots;
    // What keeps one from serving keeps all of them from it, and is to be told once.
    await first?.start();
    if (first?.url === undefined)
      throw new WorkersError("The first worker ended before it served; it has said why.");
    await Promise.all(others.map((slot) => slot.start()));
    return { url: first.url };
  }

  async stats(): Promise<PrimaryStats> {
    const workers = this.#slots.map(async (slot): Promise<WorkerStats> => {
      const stats = await slot.ask("count", answerMs);
      const { number: worker, pid, replaced } = slot;
      return { worker, pid, replaced, ...(stats === undefined ? {} : { stats }) };
    });
    const memory = this.#broker instanceof MemoryBroker ? { memory: this.#broker.stats() } : {};
    return { workers: await Promise.all(workers), followed: this.#host?.followed ?? 0, ...memory };
  }

  async #isWatched(): Promise<boolean> {
    const counts = await Promise.all(this.#slots.map((slot) => slot.ask("count", answerMs)));
    return counts.some((stats) => stats?.watched === true);
  }

  renewCertificate(certificate: Certificate): void {
    if (this.#listen.cert === undefined)
      throw new ConfigurationError(["These workers do not speak TLS, so they have no certificate to renew."]);
    const cert = Buffer.from(certificate.cert).toString();
    const key = Buffer.from(certificate.key).toString();
    createSecureContext({ cert, key });
    this.#listen = { ...this.#listen, cert, key };
    for (const slot of this.#slots) slot.renew(cert, key);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    // A health check reaches one of them, and concerns all.
    this.#noticeMs ??= noticeMsOf(options, await this.#isWatched());
    const noticeMs = this.#noticeMs;
    const closed = Promise.all(this.#slots.map((slot) => slot.close({ ...options, noticeMs })));
    const { deadlineMs = deadlineMsDefault } = options;
    const timer = setTimeout(this.#kill, noticeMs + deadlineMs + graceMs);
    await closed;
    clearTimeout(timer);
    process.off("exit", this.#kill);
    this.#deadlines.stop();
    this.#telling.stop();
    await this.#broker?.stop();
  }
}

/**
 * The port itself, or a free one instead of 0: taken once, so that a worker that comes later finds the same. Rejects with
 * the system's error where nobody could listen.
 */
async function findPort(host: string, port: number): Promise<number> {
  const server = createServer().listen({ port, host });
  await once(server, "listening");
  const { port: found } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return found;
}
