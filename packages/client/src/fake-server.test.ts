import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { formatSse, HoldfastError, toProblem } from "@holdfast/protocol";
import { WebSocketServer } from "ws";
import { type Client, type ClientOptions, connect } from "./client.ts";
import { type Asked, type Log, type Say, Session } from "./fake-session.test.ts";
import { memoryOf } from "./memory.ts";

const heartbeatMs = 60_000;

/**
 * A server of the session protocol that holds just enough of it to try a client, and takes orders about what to do
 * wrong. It shares no code with the real one.
 */
export class FakeServer {
  readonly logs = new Map<string, Log>();
  readonly server = createServer((request, response) => {
    void this.#answer(request, response);
  });
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  readonly #sessions = new Set<Session>();
  /** Every request, as `METHOD path accept`. */
  readonly requests: string[] = [];
  readonly hellos: { token?: string; instance?: string; subscriptions: Asked[] }[] = [];
  readonly sockets = new Set<Duplex>();
  /** Tokens that are refused. */
  readonly refusedTokens = new Set<string | undefined>();
  /** The bearer of each POST. */
  readonly bearers: (string | undefined)[] = [];
  /** Takes over a request; answers whether it did. */
  onRequest: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
  onUpgrade: ((request: IncomingMessage, socket: Duplex) => boolean) | undefined;
  /** Takes over what a session says; answers whether it did. */
  onSay: ((message: { type: string }, session: Session) => boolean) | undefined;
  /** Answers no publish, although it takes them. */
  isMute = false;
  #url = "";
  readonly #ids = new Map<string, unknown>();

  static async start(): Promise<FakeServer> {
    const fake = new FakeServer();
    fake.server.on("connection", (socket) => {
      fake.sockets.add(socket);
      socket.on("close", () => fake.sockets.delete(socket));
      socket.on("error", () => {});
    });
    fake.server.on("upgrade", (request, socket, head) => fake.#upgrade(request, socket, head));
    fake.server.listen(0, "127.0.0.1");
    await once(fake.server, "listening");
    fake.#url = `http://127.0.0.1:${(fake.server.address() as AddressInfo).port}`;
    return fake;
  }

  get url(): string {
    return this.#url;
  }

  /** Sessions that are open on a stream or a WebSocket. */
  get sessions(): readonly Session[] {
    return [...this.#sessions];
  }

  log(channel: string): Log {
    const log = this.logs.get(channel) ?? { epoch: "k", floor: 0, events: [], closed: false };
    this.logs.set(channel, log);
    return log;
  }

  head(channel: string): number {
    const { events, floor } = this.log(channel);
    return events.at(-1)?.offset ?? floor;
  }

  publish(channel: string, ...data: unknown[]): void {
    for (const one of data) this.#append(channel, { data: one });
  }

  end(channel: string): void {
    this.log(channel).closed = true;
    for (const session of this.#sessions) session.flush();
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.#webSockets.close();
    this.server.close();
    await once(this.server, "close");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #append(channel: string, json: Record<string, unknown>): object {
    const known = typeof json["id"] === "string" ? this.#ids.get(json["id"]) : undefined;
    if (known !== undefined) return { ...known, duplicate: true };
    const log = this.log(channel);
    const offset = this.head(channel) + 1;
    const cursor = `${log.epoch}-${offset}`;
    log.events.push({ offset, json: { cursor, at: offset, ...json } });
    const result = { cursor, at: offset, duplicate: false };
    if (typeof json["id"] === "string") this.#ids.set(json["id"], result);
    for (const session of this.#sessions) session.flush();
    return result;
  }

  #publishAll(channel: string, drafts: readonly Record<string, unknown>[]): object[] {
    return drafts.map((draft) => this.#append(channel, draft));
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.requests.push(`GET ${request.url} websocket`);
    socket.on("error", () => {});
    if (this.onUpgrade?.(request, socket)) return;
    this.#webSockets.handleUpgrade(request, socket, head, (client) => {
      let session: Session | undefined;
      client.on("close", () => session && this.#sessions.delete(session));
      client.on("error", () => {});
      client.on("message", (bytes) => {
        const message = JSON.parse(String(bytes));
        if (message.type === "hello") {
          session = this.#greet(message, (said) => client.send(JSON.stringify(said)), socket);
          if (session === undefined) client.close(4401, "unauthenticated");
        } else if (session !== undefined) {
          this.#hear(session, message);
        }
      });
    });
  }

  #hear(session: Session, message: { type: string; [field: string]: unknown }): void {
    session.heard.push(message);
    if (message.type === "ping") session.say({ type: "pong" });
    if (message.type === "subscribe") {
      for (const subscription of message["subscriptions"] as Asked[]) session.subscribe(subscription);
    }
    if (message.type === "unsubscribe") {
      for (const channel of message["channels"] as string[]) session.unsubscribe(channel);
    }
    if (message.type !== "publish") return;
    const results = this.#publishAll(
      message["channel"] as string,
      message["events"] as Record<string, unknown>[],
    );
    if (!this.isMute) session.say({ type: "published", ref: message["ref"], results });
  }

  #greet(hello: (typeof this.hellos)[0], say: Say, socket: Duplex): Session | undefined {
    this.hellos.push(hello);
    if (this.refusedTokens.has(hello.token)) return undefined;
    const session = new Session(this, say, socket);
    this.#sessions.add(session);
    session.say({
      type: "welcome",
      protocol: 1,
      session: "s",
      heartbeatMs,
      limits: { messageBytesMax: 1_000_000, subscriptionsMax: 100, publishEventsMax: 100 },
    });
    for (const subscription of hello.subscriptions) session.subscribe(subscription);
    return session;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    const accept = request.headers.accept ?? "";
    this.requests.push(`${method} ${url} ${accept}`);
    if (this.onRequest?.(request, response)) return;
    const { pathname, searchParams } = new URL(url, this.url);
    if (pathname === "/connect" && method === "GET") {
      refuse(response, "method_not_allowed");
      return;
    }
    const text = await body(request);
    if (pathname === "/connect") {
      const hello = JSON.parse(text);
      const waits = Number(searchParams.get("wait") ?? 0) > 0;
      if (this.refusedTokens.has(hello.token)) refuse(response, "unauthenticated");
      else if (accept === "text/event-stream") this.#stream(hello, request, response);
      else this.#poll(hello, waits, request, response);
      return;
    }
    const bearer = request.headers.authorization;
    this.bearers.push(bearer);
    if (this.refusedTokens.has(bearer?.slice(7))) {
      refuse(response, "unauthenticated");
      return;
    }
    const channel = /^\/channels\/([^/]+)$/.exec(pathname)?.[1];
    if (channel === undefined) {
      json(response, 202, null);
      return;
    }
    const lines = text.trim().split("\n");
    const results = this.#publishAll(
      channel,
      lines.map((line) => JSON.parse(line)),
    );
    if (this.isMute) request.socket.destroy();
    else json(response, 201, { cursor: `k-${this.head(channel)}`, results });
  }

  #stream(hello: (typeof this.hellos)[0], request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.flushHeaders();
    const say = (message: object) => response.write(formatSse({ data: JSON.stringify(message) }));
    const session = this.#greet(hello, say, request.socket);
    response.on("close", () => session && this.#sessions.delete(session));
  }

  #poll(
    hello: (typeof this.hellos)[0],
    waits: boolean,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const messages: { type: string }[] = [];
    const news = () => messages.some(({ type }) => type !== "welcome" && type !== "subscribed");
    const finish = () => {
      if (response.headersSent) return;
      if (session !== undefined) this.#sessions.delete(session);
      json(response, 200, { messages, more: false });
    };
    const session = this.#greet(
      hello,
      (message) => {
        messages.push(message as { type: string });
        if (waits && news()) queueMicrotask(finish);
      },
      request.socket,
    );
    response.on("close", () => session && this.#sessions.delete(session));
    if (!waits) finish();
  }
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const piece of request.setEncoding("utf8")) text += piece;
  return text;
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(value));
}

function refuse(response: ServerResponse, code: "unauthenticated" | "method_not_allowed"): void {
  const error = new HoldfastError(code);
  response.writeHead(error.status, { "Content-Type": "application/problem+json" });
  response.end(JSON.stringify(toProblem(error)));
}

/** Takes events until as many as wanted have come. */
export async function take<Event>(events: AsyncIterable<Event>, count: number): Promise<Event[]> {
  const taken: Event[] = [];
  const iterator = events[Symbol.asyncIterator]();
  while (taken.length < count) {
    const { done, value } = await iterator.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

/** Waits until something is so; what makes it so is under way. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Short delays, so that a test waits for what happens and not for a clock. */
export const timing = {
  firstByteTimeoutMs: 300,
  backoffBaseMs: 10,
  backoffCapMs: 50,
  stableMs: 1_000_000,
  lingerMs: 20,
  climbMinMs: 50,
  climbMaxMs: 100,
};

/** Runs with a server and a client of it, and closes both. */
export async function using(
  options: ClientOptions,
  run: (client: Client, server: FakeServer) => Promise<void>,
): Promise<void> {
  const server = await FakeServer.start();
  const client = connect(server.url, { timing, toleranceMs: 10, ...options });
  try {
    await run(client, server);
  } finally {
    client.close();
    await server.stop();
    memoryOf(new URL(server.url).origin).blocked.clear();
  }
}
