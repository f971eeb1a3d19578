import cluster from "node:cluster";
import { Socket } from "node:net";
import {
  type BrokerDescription,
  decodeMessage,
  encodeMessage,
  RemoteBroker,
  type Reply,
} from "@holdfast/core/broker";
import type { CloseOptions } from "../calm/drain.ts";
import { assemble, type Holdfast } from "../holdfast.ts";
import { type Logger, stderrLogger, thrownField } from "../log.ts";
import type { Node } from "../node.ts";
import type { HoldfastOptions } from "../options.ts";
import { statsOf } from "../stats.ts";
import { Line, type Topic } from "./line.ts";
import { PrimaryNeighbours } from "./lobbies.ts";
import type { Answers, Order, Report } from "./messages.ts";
import { PrimaryPeers } from "./peers.ts";

export interface WorkerOptions {
  /** How the worker goes away when the primary does not say how. */
  readonly close?: CloseOptions;
}

type ServeOrder = Extract<Order, { do: "serve" }>;

const numberVariable = "HOLDFAST_WORKER_NUMBER";
/** Where a worker finds its line to the primary: behind stdio and Node's own channel. */
const lineDescriptor = 4;
/** With which a worker leaves that has lost its primary. */
const lostExitCode = 1;

/** What the primary gives a worker's process, so that it knows itself. */
export const workerProcess = {
  env: (worker: number) => ({ [numberVariable]: String(worker) }),
  stdio: ["ignore", "inherit", "inherit", "ipc", "pipe"] as const,
  lineDescriptor,
};

/** The number of this process among the workers of a primary; undefined in any other process. */
export function workerNumber(): number | undefined {
  const text = process.env[numberVariable];
  return text === undefined || !cluster.isWorker ? undefined : Number(text);
}

/** A worker's place with its primary. */
export class Place {
  readonly number: number;
  readonly #line: Line;
  #broker: BrokerDescription | undefined;
  readonly #order = Promise.withResolvers<ServeOrder>();
  #remote: RemoteBroker | undefined;
  readonly #neighbours: PrimaryNeighbours;
  readonly #peers: PrimaryPeers;
  #log: Logger = stderrLogger;
  #holdfast: Holdfast | undefined;
  #node: Node | undefined;
  #close: CloseOptions = {};
  readonly #closed = Promise.withResolvers<void>();
  #hasLeft = false;

  private constructor(number: number) {
    this.number = number;
    // Without its primary a worker has no log, and another primary may hold another: it must not serve on.
    const lost = () => {
      if (this.#hasLeft) return;
      this.#log({
        level: "error",
        message: "The primary is gone, and this worker leaves with it.",
        worker: number,
      });
      process.exit(lostExitCode);
    };
    process.prependListener("disconnect", lost);
    this.#line = new Line(new Socket({ fd: lineDescriptor, readable: true, writable: true }), {
      hear: (topic, text) => this.#hear(topic, text),
      drained: () => {},
      ended: lost,
    });
    this.#neighbours = new PrimaryNeighbours((text) => this.#line.send("lobby", text));
    this.#peers = new PrimaryPeers(`${number}`, (id, what) => this.#tell({ tell: "ask", id, what }));
    // A signal to the whole group reaches the primary too, which says when it is this worker's turn.
    for (const signal of ["SIGINT", "SIGTERM"] as const)
      process.on(signal, () => this.#tell({ tell: "asked" }));
    // The primary reads anew what may have changed, and says so.
    process.on("SIGHUP", () => {});
  }

  /** Takes the place that the primary has made; rejects in a process that no primary has started. */
  static async take(): Promise<Place> {
    const number = workerNumber();
    if (number === undefined) throw new Error("This process was not started by createPrimary.");
    const place = new Place(number);
    place.#broker = (await place.#order.promise).broker;
    return place;
  }

  /** Creates the node of this worker, on the primary's log where it keeps one. Throws as `createHoldfast` does. */
  create(options: HoldfastOptions): Holdfast {
    const description = this.#broker;
    const log = options.logger ?? stderrLogger;
    this.#log = (entry) => log({ ...entry, worker: this.number });
    let own: HoldfastOptions = {
      ...options,
      logger: this.#log,
      neighbours: this.#neighbours,
      peers: this.#peers,
    };
    if (description !== undefined) {
      const remote = new RemoteBroker({
        ...description,
        send: (request) => this.#line.send("log", encodeMessage(request)),
        observerFailed: (error, channel) =>
          this.#log({
            level: "error",
            message: "A follower of a log failed.",
            channel,
            error: thrownField(error),
          }),
      });
      this.#remote = remote;
      const { memory: _, ...others } = own;
      own = { ...others, broker: () => remote };
    }
    const { node, holdfast } = assemble(own);
    this.#node = node;
    this.#holdfast = holdfast;
    return holdfast;
  }

  /** Listens where the primary says, and does what it orders. Resolves when this worker has left in peace. */
  async serve(holdfast: Holdfast, { close = {} }: WorkerOptions = {}): Promise<void> {
    this.#close = close;
    const { listen } = await this.#order.promise;
    const { url } = await holdfast.listen(listen);
    this.#tell({ tell: "serving", url });
    await this.#closed.promise;
    this.#hasLeft = true;
    this.#line.close();
    cluster.worker?.disconnect();
  }

  #tell(report: Report): void {
    this.#line.send("worker", JSON.stringify(report));
  }

  #hear(topic: Topic, text: string): void {
    if (topic === "log") this.#remote?.receive(decodeMessage<Reply>(text));
    else if (topic === "lobby") this.#neighbours.receive(text);
    else this.#obey(JSON.parse(text));
  }

  #obey(order: Order): void {
    if (order.do === "serve") this.#order.resolve(order);
    else if (order.do === "close") this.#leave(order.options ?? this.#close);
    else if (order.do === "renew") this.#holdfast?.renewCertificate(order);
    else if (order.do === "hear") this.#peers.hear(order.id, order.told);
    else void this.#answer(order.id, order.what);
  }

  async #answer(id: number, what: keyof Answers): Promise<void> {
    if (this.#node === undefined) return;
    try {
      const answer = what === "count" ? statsOf(this.#node) : await this.#node.tell(what);
      this.#tell({ tell: "answer", id, answer });
    } catch (error) {
      // Whoever asked is told in time that this worker is missing.
      this.#log({
        level: "error",
        message: "A worker could not tell what it does.",
        what,
        error: thrownField(error),
      });
    }
  }

  #leave(how: CloseOptions): void {
    const { resolve, reject } = this.#closed;
    this.#holdfast?.close(how).then(resolve, reject);
  }
}

/** Serves as a worker of the primary that started this process: its whole life, in one call. */
export async function serveAsWorker(options: HoldfastOptions, how?: WorkerOptions): Promise<void> {
  const place = await Place.take();
  await place.serve(place.create(options), how);
}
