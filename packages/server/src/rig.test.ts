import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect, type Socket } from "node:net";
import type { Transform } from "node:stream";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { type Broker, MemoryBroker } from "@holdfast/core/broker";
import { HoldfastError } from "@holdfast/protocol";
import { type ClientOptions, WebSocket } from "ws";
import { createHoldfast, type Holdfast, type HoldfastOptions, type LogEntry, type Stats } from "./index.ts";

/** Resolves when a condition holds; the test's own timeout is the only bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

/** Resolves with a number once it has stopped changing. */
export async function settled(number: () => number): Promise<number> {
  let last = number();
  for (let same = 0; same < 20; same++) {
    await sleep(5);
    if (number() !== last) same = 0;
    last = number();
  }
  return last;
}

/** What is held; the rest counts what has happened, or is kept until the process ends. */
type Held = Omit<Stats, "memory" | "connectionsRefused" | "filesExhausted" | "drain" | "watched">;

const nothing: Held = {
  connections: 0,
  sessions: 0,
  waiters: 0,
  publishing: 0,
  hubs: 0,
  readers: 0,
  readersLive: 0,
  tailEvents: 0,
  tailBytes: 0,
  unsentBytes: 0,
};

/** Resolves when nothing is kept for anybody; a connection may be kept alive by its client. */
export async function forgotten(holdfast: Holdfast): Promise<void> {
  await until(() => {
    const { sessions, waiters, publishing, readers } = holdfast.stats();
    return sessions + waiters + publishing + readers === 0;
  });
}

/** Resolves when there are this many connections, idle ones included. */
export async function connections(holdfast: Holdfast, count: number): Promise<void> {
  await until(() => holdfast.stats().connections === count);
}

export interface Rig {
  readonly holdfast: Holdfast;
  readonly url: string;
  readonly port: number;
  readonly log: readonly LogEntry[];
}

/** A node on a port of its own, closed at the end of the test, which fails if the node then still holds anything. */
export async function startNode(
  t: TestContext,
  options: HoldfastOptions = {},
  expectedLog: readonly LogEntry[] = [],
): Promise<Rig> {
  const log: LogEntry[] = [];
  const holdfast = createHoldfast({ logger: (entry) => log.push(entry), ...options });
  const { url } = await holdfast.listen({ port: 0 });
  t.after(async () => {
    await holdfast.close({ noticeMs: 0, spreadMs: 0, deadlineMs: 8000 });
    const {
      memory: _log,
      connectionsRefused: _refused,
      filesExhausted: _exhausted,
      drain: _drained,
      watched: _watched,
      ...held
    } = holdfast.stats();
    assert.deepEqual(held satisfies Held, nothing);
    assert.deepEqual(
      log.filter(({ message }) => /^(?:Connections were cut|A request failed)/.test(message)),
      expectedLog,
    );
  });
  return { holdfast, url, port: Number(new URL(url).port), log };
}

/** A promise keeps the call waiting until it is settled. */
type Fault = "hang" | "fail" | Error | Promise<void>;

/** A memory broker whose calls can be made to hang, or to fail as those of an engine that is not there. */
export function faultyBroker(): { broker: Broker; faults: Map<keyof Broker, Fault> } {
  const memory = new MemoryBroker({ clock: { now: () => Date.now() }, epochSeed: "faulty" });
  const faults = new Map<keyof Broker, Fault>();
  const broker = new Proxy<Broker>(memory, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...given: unknown[]): unknown => {
        const fault = faults.get(name as keyof Broker);
        if (fault === "hang") return new Promise(() => {});
        if (fault === "fail") {
          return Promise.reject(new HoldfastError("broker_unavailable", "The engine is down."));
        }
        if (fault instanceof Promise) return fault.then((): unknown => Reflect.apply(value, target, given));
        if (fault !== undefined) return Promise.reject(fault);
        return Reflect.apply(value, target, given);
      };
    },
  });
  return { broker, faults };
}

/** The answer to a request of JSON, as far as a test looks at it. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape.
  readonly json: any;
}

export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = text !== "" && (response.headers.get("content-type") ?? "").endsWith("json");
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

export async function post(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return await call(url, {
    method: "POST",
    body,
    headers: { "Content-Type": "application/json", ...headers },
  });
}

/** A socket on which a test writes what it likes. */
export class RawClient {
  readonly socket: Socket;
  received = "";
  isClosed = false;
  failure: Error | undefined;

  constructor(t: TestContext, port: number, options: { allowHalfOpen?: boolean } = {}) {
    this.socket = connect({ port, host: "127.0.0.1", ...options });
    this.socket.setEncoding("latin1").on("data", (text: string) => {
      this.received += text;
    });
    this.socket.on("error", (error) => {
      this.failure = error;
    });
    this.socket.once("close", () => {
      this.isClosed = true;
    });
    t.after(() => this.socket.destroy());
  }

  send(...lines: string[]): this {
    this.socket.write(lines.join("\r\n"));
    return this;
  }

  /** Resolves when an answer with this text has come. */
  async receives(text: string): Promise<void> {
    await until(() => this.received.includes(text) || this.isClosed);
    assert.ok(this.received.includes(text), `expected ${text}, got ${this.received}`);
  }

  async closes(): Promise<void> {
    await until(() => this.isClosed);
  }

  /** Resolves with the code of the problem that was answered. */
  async code(): Promise<string> {
    await until(() => /"code":"\w+"[^}]*\}/.test(this.received) || this.isClosed);
    return /"code":"(\w+)"/.exec(this.received)?.[1] ?? `no problem: ${this.received}`;
  }
}

function decoderOf(coding: string | undefined): Transform | undefined {
  if (coding === "gzip") return createGunzip();
  return coding === "zstd" ? createZstdDecompress() : undefined;
}

/** An event stream as its client sees it. */
export class StreamClient {
  readonly response: IncomingMessage;
  /** What came of a stream in a coding, as it came; `text` is decoded on the way. */
  readonly bytes: Buffer[] = [];
  text = "";
  isOver = false;

  private constructor(response: IncomingMessage) {
    this.response = response;
    const decoder = decoderOf(response.headers["content-encoding"]);
    (decoder ?? response).setEncoding("utf8").on("data", (text: string) => {
      this.text += text;
    });
    if (decoder !== undefined) {
      response.on("data", (bytes: Buffer) => {
        this.bytes.push(bytes);
        decoder.write(bytes);
      });
      response.once("close", () => decoder.end());
      // A stream that was cut has no end.
      decoder.on("error", () => {});
    }
    response.on("error", () => {});
    (decoder ?? response).once("close", () => {
      this.isOver = true;
    });
  }

  static async open(
    t: TestContext,
    url: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: unknown } = {},
  ): Promise<StreamClient> {
    const outgoing = request(url, {
      agent: false,
      method: body === undefined ? "GET" : "POST",
      headers: {
        Accept: "text/event-stream",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
    });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    outgoing.on("error", () => {});
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    t.after(() => response.destroy());
    return new StreamClient(response);
  }

  /** The blocks so far, without comments and the empty ones. */
  get blocks(): string[] {
    return this.text.split("\n\n").filter((block) => block !== "" && !block.startsWith(":"));
  }

  /** The messages of the session protocol so far. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of every shape.
  get messages(): any[] {
    return this.blocks.map((block) => JSON.parse(block.replace(/^data: /, "")));
  }

  async receives(text: string): Promise<void> {
    await until(() => this.text.includes(text) || this.isOver);
    assert.ok(this.text.includes(text), `expected ${text}, got ${this.text}`);
  }

  async ends(): Promise<void> {
    await until(() => this.isOver);
  }

  leave(): void {
    this.response.destroy();
  }
}

/** A WebSocket as its client sees it. */
export class SocketClient {
  readonly socket: WebSocket;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of every shape.
  readonly messages: any[] = [];
  pings = 0;
  closed: { code: number; reason: string } | undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => this.messages.push(JSON.parse(String(data))));
    socket.on("ping", () => this.pings++);
    socket.on("error", () => {});
    socket.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
  }

  static async open(
    t: TestContext,
    url: string,
    options: Pick<ClientOptions, "headers" | "perMessageDeflate" | "autoPong"> & {
      protocols?: string[];
    } = {},
  ): Promise<SocketClient> {
    const { protocols = [], ...rest } = options;
    const socket = new WebSocket(url.replace(/^http/, "ws"), protocols, {
      perMessageDeflate: false,
      ...rest,
    });
    const client = new SocketClient(socket);
    t.after(() => socket.terminate());
    await once(socket, "open");
    return client;
  }

  /** Resolves with the answer to an upgrade that was refused. */
  static async refused(
    url: string,
    options: { headers?: Record<string, string>; protocols?: string[] } = {},
  ): Promise<{ status: number; code: string }> {
    const { protocols = [], ...rest } = options;
    const socket = new WebSocket(url.replace(/^http/, "ws"), protocols, rest);
    socket.on("error", () => {});
    const [, response] = (await once(socket, "unexpected-response")) as [unknown, IncomingMessage];
    let text = "";
    for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
    assert.equal(response.headers["content-type"], "application/problem+json");
    return { status: response.statusCode ?? 0, code: (JSON.parse(text) as { code: string }).code };
  }

  say(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** Resolves with the n-th message. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into messages of every shape.
  async message(index: number): Promise<any> {
    await until(() => this.messages.length > index || this.closed !== undefined);
    assert.ok(this.messages.length > index, `closed before message ${index}: ${JSON.stringify(this.closed)}`);
    return this.messages[index];
  }

  async closes(): Promise<{ code: number; reason: string }> {
    await until(() => Boolean(this.closed));
    return this.closed ?? { code: 0, reason: "" };
  }
}
