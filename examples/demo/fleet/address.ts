import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ReverseProxy } from "./reverse-proxy.ts";

/** Answers a request that is the application's own; false when it is none. */
export type Application = (request: IncomingMessage, response: ServerResponse) => boolean;

interface Served {
  readonly application: Application;
  readonly proxy: ReverseProxy;
}

/** Where visitors come: what is not the application's own is passed on to the nodes behind it. */
export class Address {
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch(() => response.destroy());
  });
  readonly #sockets = new Set<Socket>();
  /** A request may come before everything is there. */
  readonly #served = Promise.withResolvers<Served>();

  private constructor() {
    this.#server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      void this.#served.promise.then(({ proxy }) => proxy.upgrade(request, socket, head));
    });
    this.#server.on("connection", (socket: Socket) => {
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    // A stream may last as long as the page.
    this.#server.requestTimeout = 0;
  }

  /** Rejects with the system's error for a port that is taken. Port 0 takes any free one. */
  static async open(port: number): Promise<Address> {
    const address = new Address();
    address.#server.listen(port, "127.0.0.1");
    await once(address.#server, "listening");
    return address;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Answers what has waited, and what comes; `pick` says which node takes it. */
  serve(application: Application, pick: () => string): void {
    this.#served.resolve({ application, proxy: new ReverseProxy(pick) });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { application, proxy } = await this.#served.promise;
    if (!application(request, response)) proxy.forward(request, response);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    (await this.#served.promise).proxy.close();
    await closed;
  }
}
