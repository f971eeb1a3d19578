import cluster, { type Worker } from "node:cluster";
import type { Duplex } from "node:stream";
import { decodeMessage, encodeMessage, type Guest, type Reply, type Request } from "@holdfast/core/broker";
import type { LobbyExchange } from "@holdfast/core/server";
import type { CloseOptions } from "../calm/drain.ts";
import { type Logger, thrownField } from "../log.ts";
import type { Telling, Told } from "../metrics/peers.ts";
import { Line } from "./line.ts";
import { WorkerLobbies } from "./lobbies.ts";
import type { Answers, Order, Report } from "./messages.ts";
import { workerProcess } from "./worker.ts";

/** What a primary offers to the place of each of its workers. */
export interface SlotHost {
  readonly log: Logger;
  /** Sees to it that what is forked next is a worker of its own. */
  prepare(): void;
  /** What a worker is told first. */
  orderFor(worker: number): Order;
  readonly exchange: LobbyExchange;
  /** How long members stay who were here through a worker that ended. */
  readonly presenceGraceMs: number;
  /** Lets a worker to the log, where the primary keeps it. */
  welcome(line: { readonly isFull: boolean; send(reply: Reply): void }): Guest | undefined;
  /** What all processes but this worker have to tell. */
  gather(asker: number, what: keyof Telling): Promise<readonly Told<Telling[keyof Telling]>[]>;
  /** A worker could not serve, or ended unasked. */
  failing(why: string): void;
}

/** A worker that ends sooner than this has failed, and its successor waits longer and longer. */
const stableMs = 5000;
const delayMsMax = 10_000;
/** One that does not listen by then is ended. */
const startMsMax = 60_000;

/** How long the next one waits after so many failures in a row: the first one's successor comes at once. */
export function delayAfter(failures: number): number {
  return failures <= 1 ? 0 : Math.min(delayMsMax, 50 * 2 ** (failures - 1));
}

/** Text of notices that several workers are told, written once. */
const noticeTexts = new WeakMap<Reply, string>();

function textOf(reply: Reply): string {
  if (!("channel" in reply)) return encodeMessage(reply);
  const text = noticeTexts.get(reply) ?? encodeMessage(reply);
  noticeTexts.set(reply, text);
  return text;
}

/** The place of one worker: whoever has it is replaced when it ends, until the place is closed. */
export class Slot {
  readonly number: number;
  /** Where the worker serves; undefined while none does. */
  url: string | undefined;
  /** Workers that had this place before. */
  replaced = 0;
  failures = 0;
  readonly #host: SlotHost;
  #worker: Worker | undefined;
  #line: Line | undefined;
  #guest: Guest | undefined;
  #lobbies: WorkerLobbies | undefined;
  #startedAt = 0;
  #isAsked = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;
  #asked = 0;
  readonly #asking = new Map<number, (answer: Answers[keyof Answers] | undefined) => void>();
  #settled: (() => void) | undefined;
  #vacated: (() => void) | undefined;

  constructor(number: number, host: SlotHost) {
    this.number = number;
    this.#host = host;
  }

  get pid(): number | undefined {
    return this.#worker?.process.pid;
  }

  /** Starts a worker; resolves when it serves, or has ended without. */
  start(): Promise<void> {
    this.#startedAt = performance.now();
    this.#isAsked = false;
    this.#host.prepare();
    const worker = cluster.fork(workerProcess.env(this.number));
    this.#worker = worker;
    this.#connect(worker);
    this.#order(this.#host.orderFor(this.number));
    // Its exit says all there is to say.
    worker.on("error", () => {});
    worker.once("exit", (code: number | null, signal: string | null) =>
      this.#ended(signal ?? `code ${code}`),
    );
    this.#timer = setTimeout(() => worker.process.kill("SIGKILL"), startMsMax);
    return new Promise((resolve) => {
      this.#settled = resolve;
    });
  }

  #connect(worker: Worker): void {
    const line: Line = new Line(worker.process.stdio[workerProcess.lineDescriptor] as Duplex, {
      hear: (topic, text) => {
        // Of one that has ended there may be something left to read, and another may have its place.
        if (topic === "log") guest?.receive(decodeMessage<Request>(text));
        else if (this.#worker !== worker) return;
        else if (topic === "lobby") lobbies.receive(text);
        else this.#note(JSON.parse(text));
      },
      drained: () => guest?.drained(),
      ended: () => {},
    });
    const guest = this.#host.welcome({
      get isFull() {
        return line.isFull;
      },
      send: (reply) => line.send("log", textOf(reply)),
    });
    const lobbies = new WorkerLobbies(`${worker.id}`, this.#host.exchange, {
      get isFull() {
        return line.isFull;
      },
      send: (text) => line.send("lobby", text),
    });
    this.#line = line;
    this.#guest = guest;
    this.#lobbies = lobbies;
  }

  #order(order: Order): void {
    this.#line?.send("worker", JSON.stringify(order));
  }

  #note(report: Report): void {
    if (report.tell === "serving") {
      clearTimeout(this.#timer);
      this.url = report.url;
      this.#settled?.();
    } else if (report.tell === "answer") {
      this.#asking.get(report.id)?.(report.answer);
      this.#asking.delete(report.id);
    } else if (report.tell === "ask") {
      void this.#gather(report);
    } else if (!this.#isAsked) {
      this.#isAsked = true;
      this.#order({ do: "close" });
    }
  }

  #ended(how: string): void {
    clearTimeout(this.#timer);
    this.#guest?.gone();
    this.#lobbies?.gone(this.#host.presenceGraceMs);
    for (const answer of this.#asking.values()) answer(undefined);
    this.#asking.clear();
    if (!this.#isClosed) this.#replace(how);
    this.url = undefined;
    this.#worker = undefined;
    this.#vacated?.();
    this.#settled?.();
  }

  #replace(how: string): void {
    const { number: worker, pid, url } = this;
    const isStable = url !== undefined && performance.now() - this.#startedAt >= stableMs;
    const wasAsked = this.#isAsked && url !== undefined;
    this.failures = wasAsked ? 0 : isStable ? 1 : this.failures + 1;
    const delayMs = delayAfter(this.failures);
    this.#timer = setTimeout(() => {
      this.replaced++;
      void this.start();
    }, delayMs);
    const message = wasAsked
      ? "A worker has left, as it was asked to; another takes its place."
      : url !== undefined
        ? "A worker ended; another takes its place."
        : "A worker ended before it served.";
    this.#host.log({ level: wasAsked ? "info" : "error", message, worker, pid, how, nextInMs: delayMs });
    if (!wasAsked) setImmediate(() => this.#host.failing(how));
  }

  async #gather({ id, what }: Extract<Report, { tell: "ask" }>): Promise<void> {
    const line = this.#line;
    try {
      const told = await this.#host.gather(this.number, what);
      // Another worker may have this place by now, with questions of its own.
      if (this.#line === line) this.#order({ do: "hear", id, told });
    } catch (error) {
      // Whoever asked gives up in time.
      this.#host.log({
        level: "error",
        message: "The primary could not tell what it does.",
        what,
        error: thrownField(error),
      });
    }
  }

  /** What the worker has to tell; undefined when it does not in time. */
  ask<What extends keyof Answers>(what: What, timeoutMs: number): Promise<Answers[What] | undefined> {
    if (this.url === undefined) return Promise.resolve(undefined);
    const id = this.#asked++;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#asking.delete(id);
        resolve(undefined);
      }, timeoutMs);
      this.#asking.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer as Answers[What] | undefined);
      });
      this.#order({ do: "answer", id, what });
    });
  }

  /** Lets the worker go, and nobody takes its place; called again, it is told to hurry. Resolves when it has ended. */
  async close(options: CloseOptions): Promise<void> {
    const isFirst = !this.#isClosed;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    if (worker === undefined) return;
    // One that was asked already is on its way.
    if (!isFirst || !this.#isAsked) this.#order({ do: "close", options });
    if (isFirst && this.url === undefined) worker.process.kill("SIGKILL");
    await new Promise<void>((resolve) => {
      const before = this.#vacated;
      this.#vacated = () => {
        before?.();
        resolve();
      };
    });
  }

  renew(cert: string, key: string): void {
    if (this.#worker !== undefined) this.#order({ do: "renew", cert, key });
  }

  kill(): void {
    this.#worker?.process.kill("SIGKILL");
  }
}
