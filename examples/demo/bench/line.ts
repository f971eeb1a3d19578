import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  request as sendRequest,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { pipeline } from "node:stream";
import { type Faults, sound, type Transport, transportOf } from "./faults.ts";
import { Throttle } from "./throttle.ts";

/** A reverse proxy on a port of its own, with faults that are real: what it breaks is broken for the browser. */
export class Line {
  readonly #upstream: () => string;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });
  /** Open connections from clients, and which transport each serves now. */
  readonly #sockets = new Map<Socket, Transport | undefined>();
  readonly #held = new Set<() => void>();
  readonly #only: Transport | undefined;
  #faults: Faults = sound;

  private constructor(upstream: () => string, only: Transport | undefined) {
    this.#upstream = upstream;
    this.#only = only;
    this.#server = createServer((request, response) => this.#forward(request, response));
    this.#server.prependListener("connection", (socket: Socket) => this.#admit(socket));
    this.#server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#upgrade(request, socket, head);
    });
    this.#server.on("clientError", (_, socket) => socket.destroy());
    // A stream may last as long as the page.
    this.#server.requestTimeout = 0;
  }

  /**
   * `upstream` answers with the server's present address, as in `http://127.0.0.1:49152`; `port` is taken when it is
   * free; `only` is the transport of its one client, if that has no choice.
   */
  static async open(upstream: () => string, port: number, only?: Transport): Promise<Line> {
    const line = new Line(upstream, only);
    await listen(line.#server, port).catch(() => listen(line.#server, 0));
    return line;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get faults(): Faults {
    return this.#faults;
  }

  set faults(faults: Faults) {
    this.#faults = faults;
    for (const release of this.#held) release();
    for (const [socket, transport] of this.#sockets) {
      if (faults.cut || (transport !== undefined && faults.blocked.includes(transport)))
        socket.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
    this.#agent.destroy();
    await closed;
  }

  #admit(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    if (this.#faults.cut) {
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.set(socket, undefined);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  #forward(request: IncomingMessage, response: ServerResponse): void {
    const transport = transportOf(request, this.#only);
    const isBlocked = () => transport !== undefined && this.#faults.blocked.includes(transport);
    if (isBlocked() && transport !== "sse") {
      // A gateway that cuts held requests, or a firewall that dislikes this one.
      response.writeHead(transport === "long-poll" ? 504 : 403).end();
      return;
    }
    this.#sockets.set(request.socket, transport);
    const { hostname, port } = new URL(this.#upstream());
    const { method, url: path, headers } = request;
    const upstream = sendRequest({ hostname, port, method, path, headers, agent: this.#agent });
    const fail = () => request.socket.destroy();
    response.once("close", () => {
      upstream.destroy();
      // The connection is kept for whatever comes next.
      if (this.#sockets.has(request.socket)) this.#sockets.set(request.socket, undefined);
    });
    upstream.on("error", fail);
    upstream.on("response", (answer) => {
      answer.on("error", fail);
      this.#releaseWhen(response, isBlocked, () => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        pipeline(answer, this.#throttle(), response, (error) => error && fail());
      });
    });
    pipeline(request, upstream, (error) => error && fail());
  }

  /** Goes on now, or when nothing is blocked any more: a proxy that buffers takes the answer and passes nothing on. */
  #releaseWhen(response: ServerResponse, isBlocked: () => boolean, release: () => void): void {
    const attempt = () => {
      if (isBlocked() || response.destroyed) return;
      this.#held.delete(attempt);
      release();
    };
    this.#held.add(attempt);
    response.once("close", () => this.#held.delete(attempt));
    attempt();
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.#faults.blocked.includes("websocket")) {
      socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    this.#sockets.set(socket, "websocket");
    const { hostname, port } = new URL(this.#upstream());
    const upstream = connect(Number(port), hostname);
    upstream.setNoDelay(true);
    upstream.write(handshake(request));
    upstream.write(head);
    pipeline(socket, upstream, () => socket.destroy());
    pipeline(upstream, this.#throttle(), socket, () => upstream.destroy());
  }

  #throttle(): Throttle {
    return new Throttle(() => this.#faults.slow);
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}

function handshake({ method, url, rawHeaders }: IncomingMessage): string {
  let text = `${method} ${url} HTTP/1.1\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${text}\r\n`;
}
