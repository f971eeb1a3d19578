import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ReverseProxy, refuse } from "../fleet/reverse-proxy.ts";
import { type Faults, sound, type Transport, transportOf } from "./faults.ts";
import { Throttle } from "./throttle.ts";

/** A reverse proxy on a port of its own, with faults that are real: what it breaks is broken for the browser. */
export class Line {
  readonly #proxy: ReverseProxy;
  readonly #server: Server;
  /** Open connections from clients, and which transport each serves now. */
  readonly #sockets = new Map<Socket, Transport | undefined>();
  readonly #held = new Set<() => void>();
  readonly #only: Transport | undefined;
  #faults: Faults = sound;
  #port = 0;

  private constructor(upstream: () => string, only: Transport | undefined) {
    this.#proxy = new ReverseProxy(upstream);
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
    line.#port = (line.#server.address() as AddressInfo).port;
    return line;
  }

  get port(): number {
    return this.#port;
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
    this.#proxy.close();
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
    const { socket } = request;
    this.#sockets.set(socket, transport);
    response.once("close", () => {
      // The connection is kept for whatever comes next.
      if (this.#sockets.has(socket)) this.#sockets.set(socket, undefined);
    });
    this.#proxy.forward(request, response, {
      hold: (held, pass) => this.#releaseWhen(held, isBlocked, pass),
      filter: () => this.#throttle(),
    });
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
      refuse(socket);
      return;
    }
    this.#sockets.set(socket, "websocket");
    this.#proxy.upgrade(request, socket, head, { filter: () => this.#throttle() });
  }

  #throttle(): Throttle {
    return new Throttle(() => this.#faults.slow);
  }
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}
