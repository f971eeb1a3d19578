import { type Cursor, type Draft, HoldfastError, type Position } from "@holdfast/protocol";
import { Followers } from "../followers.ts";
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
} from "../port.ts";
import type { Answers, BrokerDescription, Call, Reply, Request } from "./messages.ts";

export interface RemoteBrokerOptions extends BrokerDescription {
  /** Takes a request to the host: each once, in the order in which they are given. */
  send(request: Request): void;
  /** Calls that await their answer at a time; 100,000. */
  readonly callsMax?: number;
  /** Hears what an observer throws; nobody else does. */
  readonly observerFailed?: (error: unknown, channel: string) => void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: HoldfastError): void;
}

const callsMaxDefault = 100_000;

/**
 * A broker that is somewhere else, in another process for example, behind a line that keeps the order of what it carries.
 *
 * It has no deadlines of its own. When the line is lost, every call, pending or later, rejects with `broker_unavailable`.
 */
export class RemoteBroker implements Broker {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly #options: RemoteBrokerOptions;
  readonly #callsMax: number;
  readonly #pending = new Map<number, Pending>();
  readonly #followers = new Map<string, Followers>();
  #calls = 0;
  /** Why no more calls can be made. */
  #over: string | undefined;

  constructor(options: RemoteBrokerOptions) {
    this.name = options.name;
    this.capabilities = options.capabilities;
    this.#options = options;
    this.#callsMax = options.callsMax ?? callsMaxDefault;
  }

  append(channel: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult> {
    return this.#ask({ ask: "append", channel, drafts, ...(ifMatch === undefined ? {} : { ifMatch }) });
  }

  read(channel: string, after: Position, limits: ReadLimits): Promise<LogPage> {
    return this.#ask({ ask: "read", channel, after, limits });
  }

  before(channel: string, count: number): Promise<LogRange & { readonly at: number }> {
    return this.#ask({ ask: "before", channel, count });
  }

  range(channel: string): Promise<LogRange> {
    return this.#ask({ ask: "range", channel });
  }

  state(channel: string): Promise<LogState> {
    return this.#ask({ ask: "state", channel });
  }

  close(channel: string): Promise<LogRange> {
    return this.#ask({ ask: "close", channel });
  }

  async follow(channel: string, observer: LogObserver): Promise<Following> {
    const followers =
      this.#followers.get(channel) ??
      new Followers((error) => this.#options.observerFailed?.(error, channel));
    this.#followers.set(channel, followers);
    // From now on, not from the answer on: what is heard meanwhile may be later than the range it tells.
    const remove = followers.add(observer);
    const leave = () => {
      if (!remove()) return false;
      if (followers.size === 0) this.#followers.delete(channel);
      return true;
    };
    try {
      const range = await this.#ask({ ask: "follow", channel });
      const stop = () => {
        if (leave()) this.#options.send({ ask: "unfollow", channel });
      };
      return { range, stop };
    } catch (error) {
      leave();
      throw error;
    }
  }

  async probe(): Promise<void> {
    await this.#ask({ ask: "probe" });
  }

  /** Lets go of the host, whose broker goes on. */
  async stop(): Promise<void> {
    if (this.#over === undefined) this.#options.send({ ask: "leave" });
    this.#end("has been stopped");
  }

  /** The line to the host is no more. */
  lost(): void {
    this.#end("cannot be reached any more");
  }

  #end(why: string): void {
    this.#over ??= why;
    this.#followers.clear();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(this.#unavailable());
  }

  #unavailable(): HoldfastError {
    return new HoldfastError("broker_unavailable", `The broker ${this.name} ${this.#over}.`);
  }

  async #ask<C extends Call>(call: C): Promise<Answers[C["ask"]]> {
    if (this.#over !== undefined) throw this.#unavailable();
    if (this.#pending.size >= this.#callsMax) {
      throw new HoldfastError(
        "overloaded",
        `${this.#callsMax} calls to the broker ${this.name} await their answers, and no more may (callsMax).`,
      );
    }
    const id = this.#calls++;
    return await new Promise<Answers[C["ask"]]>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as Pending["resolve"], reject });
      this.#options.send({ ...call, id });
    });
  }

  /** Takes what the host says. An answer to a call that is not pending is dropped. */
  receive(reply: Reply): void {
    switch (reply.is) {
      case "answer":
        this.#settle(reply.id)?.resolve(reply.value);
        return;
      case "refusal": {
        const { id, code, message, cursor } = reply;
        const error = new HoldfastError(code, message, cursor === undefined ? {} : { cursor });
        this.#settle(id)?.reject(error);
        return;
      }
      case "appended":
        this.#followers.get(reply.channel)?.appended(reply.batch);
        return;
      case "closed":
        this.#followers.get(reply.channel)?.closed();
        return;
      case "disturbed":
        this.#followers.get(reply.channel)?.disturbed();
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}
