import type { Cursor, Draft, Position } from "@holdfast/protocol";
import { formatPosition, HoldfastError } from "@holdfast/protocol";
import type {
  AppendResult,
  Broker,
  Capabilities,
  Following,
  LogObserver,
  LogPage,
  LogRange,
  LogState,
  ReadLimits,
} from "../broker/port.ts";
import { ScriptedLog } from "./scripted-log.test-support.ts";

type Call = "append" | "read" | "before" | "range" | "state" | "close" | "follow";

/** Calls that wait until the test lets them go. */
export class Held {
  readonly #waiting: { go: () => void; fail: (error: unknown) => void }[] = [];
  readonly #asOf: "call" | "release";

  constructor(asOf: "call" | "release") {
    this.#asOf = asOf;
  }

  get size(): number {
    return this.#waiting.length;
  }

  wait<T>(answer: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const early = this.#asOf === "call" ? answer() : undefined;
      const go = () => {
        try {
          resolve(early ?? answer());
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.push({ go, fail: reject });
    });
  }

  /** Answers those that wait, oldest first. */
  release(count = this.size): void {
    for (const { go } of this.#waiting.splice(0, count)) go();
  }

  fail(error: unknown): void {
    for (const { fail } of this.#waiting.splice(0)) fail(error);
  }
}

/** A broker whose every call is answered when and how the test says. */
export class ScriptedBroker implements Broker {
  readonly name = "scripted";
  capabilities: Capabilities = { conditionalAppend: true, durable: false, state: true, shared: false };
  /** Calls so far, as `read orders k-3`. */
  readonly calls: string[] = [];
  readonly #logs = new Map<string, ScriptedLog>();
  readonly #held = new Map<Call, Held>();
  readonly #refusals = new Map<Call, unknown>();

  log(channel: string): ScriptedLog {
    let log = this.#logs.get(channel);
    if (log === undefined) {
      log = new ScriptedLog("k");
      this.#logs.set(channel, log);
    }
    return log;
  }

  /** How many calls began with these words. */
  count(begin: string): number {
    return this.calls.filter((call) => `${call} `.startsWith(`${begin} `)).length;
  }

  /** Keeps calls waiting from now on; they are answered as the log then is, or as it was when they were made. */
  hold(call: Call, asOf: "call" | "release" = "release"): Held {
    const held = new Held(asOf);
    this.#held.set(call, held);
    return held;
  }

  /** Calls are answered again; those that wait keep waiting. */
  unhold(call: Call): void {
    this.#held.delete(call);
  }

  refuse(call: Call, error: unknown = new HoldfastError("broker_unavailable", "The engine is away.")): void {
    this.#refusals.set(call, error);
  }

  heal(call: Call): void {
    this.#refusals.delete(call);
  }

  /** Followings that were not stopped. */
  get followings(): number {
    let count = 0;
    for (const log of this.#logs.values()) count += log.observers.size;
    return count;
  }

  append(channel: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult> {
    return this.#call("append", `append ${channel}`, () => {
      const log = this.log(channel);
      if (log.isClosed)
        throw new HoldfastError("channel_closed", `The channel ${channel} takes no more events.`);
      if (ifMatch !== undefined && formatPosition(ifMatch) !== formatPosition(log.head)) {
        throw new HoldfastError("precondition_failed", "The head is another.", {
          cursor: formatPosition(log.head),
        });
      }
      const { epoch, events } = log.append(...drafts);
      const results = events.map(({ offset, at }) => ({ cursor: { epoch, offset }, at, duplicate: false }));
      return { results };
    });
  }

  read(channel: string, after: Position, limits: ReadLimits): Promise<LogPage> {
    return this.#call("read", `read ${channel} ${formatPosition(after)}`, () =>
      this.log(channel).read(after, limits),
    );
  }

  before(channel: string, count: number): Promise<LogRange & { readonly at: number }> {
    return this.#call("before", `before ${channel} ${count}`, () => this.log(channel).before(count));
  }

  range(channel: string): Promise<LogRange> {
    return this.#call("range", `range ${channel}`, () => this.log(channel).range);
  }

  state(channel: string): Promise<LogState> {
    return this.#call("state", `state ${channel}`, () => this.log(channel).state());
  }

  close(channel: string): Promise<LogRange> {
    return this.#call("close", `close ${channel}`, () => {
      const log = this.log(channel);
      log.close();
      return log.range;
    });
  }

  follow(channel: string, observer: LogObserver): Promise<Following> {
    const { observers } = this.log(channel);
    return this.#call("follow", `follow ${channel}`, () => {
      // Held calls hear already: a notice may come before the caller knows that it follows.
      observers.add(observer);
      return { range: this.log(channel).range, stop: () => observers.delete(observer) };
    });
  }

  async probe(): Promise<void> {}

  async stop(): Promise<void> {}

  async #call<T>(call: Call, name: string, answer: () => T): Promise<T> {
    this.calls.push(name);
    if (this.#refusals.has(call)) throw this.#refusals.get(call);
    const held = this.#held.get(call);
    return held === undefined ? answer() : await held.wait(answer);
  }
}
