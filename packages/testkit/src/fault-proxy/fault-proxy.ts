import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { ProxiedConnection } from "./connection.ts";
import { reset } from "./flow.ts";

/** `up` is from the client to the server. */
export type Way = "up" | "down";

/** A request as far as a proxy looks at it. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  /** It asks for a WebSocket. */
  readonly isUpgrade: boolean;
  /** It asks for an event stream. */
  readonly isStream: boolean;
}

/**
 * What becomes of a request: it passes; it is answered by the proxy itself; a WebSocket is accepted and then silent; an
 * event stream is held back until so many bytes have come, or it ends, with or without its head.
 */
export type Verdict =
  | { readonly do: "pass" }
  | { readonly do: "answer"; readonly status: number }
  | { readonly do: "swallow" }
  | { readonly do: "hoard"; readonly bytes: number; readonly passHead: boolean };

/** Judges requests; undefined where it has nothing against one. */
export type Rule = (request: RequestHead) => Verdict | undefined;

const pass: Verdict = { do: "pass" };

/** What is wrong with everything that passes. */
export class Faults {
  readonly rules = new Set<Rule>();

  verdict(request: RequestHead): Verdict {
    for (const rule of this.rules) {
      const verdict = rule(request);
      if (verdict !== undefined) return verdict;
    }
    return pass;
  }
}

/** What a proxy does with new connections: serves them, resets them, or takes them and never says a word. */
export type Admission = "serve" | "reset" | "ignore";

/** A TCP proxy on the loopback that does to connections what networks do; it knows as much of HTTP/1.1 as a bad proxy does. */
export class FaultProxy {
  readonly #server: Server;
  readonly #faults = new Faults();
  readonly #connections = new Set<ProxiedConnection>();
  readonly #ignored = new Set<Socket>();
  #target: URL;
  #admission: Admission = "serve";
  /** What every new connection is given. */
  readonly #habits = new Map<string, (connection: ProxiedConnection) => void>();

  private constructor(target: string) {
    this.#target = new URL(target);
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#admit(socket));
  }

  /** Starts a proxy to a server's address such as `http://127.0.0.1:7070`. */
  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** Where clients are to go. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The connections there are, oldest first. */
  get connections(): readonly ProxiedConnection[] {
    return [...this.#connections];
  }

  /** Later connections go to another server: the one before died, or a balancer thinks otherwise. */
  retarget(target: string): void {
    this.#target = new URL(target);
  }

  admit(admission: Admission): void {
    this.#admission = admission;
  }

  #admit(client: Socket): void {
    if (this.#admission === "reset") {
      reset(client);
      return;
    }
    if (this.#admission === "ignore") {
      this.#ignored.add(client);
      client.on("error", () => {}).on("close", () => this.#ignored.delete(client));
      client.resume();
      return;
    }
    const { hostname, port } = this.#target;
    const server = connect({ host: hostname, port: Number(port), allowHalfOpen: true, noDelay: true });
    const connection = new ProxiedConnection(client, server, this.#faults, () =>
      this.#connections.delete(connection),
    );
    this.#connections.add(connection);
    for (const habit of this.#habits.values()) habit(connection);
  }

  /** Applies to the connections there are, and to all that come until it is changed. */
  #apply(habit: string, act: (connection: ProxiedConnection) => void): void {
    this.#habits.set(habit, act);
    for (const connection of this.#connections) act(connection);
  }

  /** Nothing passes in this direction until `release`. What is sent meanwhile is held, as far as there is room. */
  stall(way: Way): void {
    this.#apply(`stall ${way}`, (connection) => connection.flow(way).stall());
  }

  release(way: Way): void {
    this.#habits.delete(`stall ${way}`);
    for (const connection of this.#connections) connection.flow(way).release();
  }

  /** `Infinity` is no limit. */
  throttle(way: Way, bytesPerSecond: number): void {
    this.#apply(`throttle ${way}`, (connection) => connection.flow(way).throttle(bytesPerSecond));
  }

  /** Whatever comes from now on arrives this much later. */
  delay(way: Way, ms: number): void {
    this.#apply(`delay ${way}`, (connection) => connection.flow(way).delay(ms));
  }

  /** Judges the requests that come from now on; returns what takes the rule back. The rule that came first wins. */
  judge(rule: Rule): () => void {
    this.#faults.rules.add(rule);
    return () => this.#faults.rules.delete(rule);
  }

  /** WebSockets are refused with this status, as by a proxy that knows no upgrades. */
  refuseWebSockets(status = 400): () => void {
    return this.judge(({ isUpgrade }) => (isUpgrade ? { do: "answer", status } : undefined));
  }

  /** WebSockets are accepted, and then nothing passes in either direction. */
  swallowWebSockets(): () => void {
    return this.judge(({ isUpgrade }) => (isUpgrade ? { do: "swallow" } : undefined));
  }

  /** Event streams are held back until so many bytes of them have come, or they end. */
  bufferStreams(bytes: number, { passHead = true } = {}): () => void {
    return this.judge(({ isStream }) => (isStream ? { do: "hoard", bytes, passHead } : undefined));
  }

  /** Every request is answered with this status: what is behind cannot be reached. */
  answerAll(status = 502): () => void {
    return this.judge(() => ({ do: "answer", status }));
  }

  /** Resets every connection, on both sides. Returns how many there were. */
  cut(): number {
    const { size } = this.#connections;
    for (const connection of this.#connections) connection.cut();
    for (const socket of this.#ignored) reset(socket);
    return size;
  }

  /** Every connection stays open on both sides, and nothing passes any more. */
  forsake(): void {
    for (const connection of this.#connections) connection.forsake();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.cut();
    await closed;
  }
}
