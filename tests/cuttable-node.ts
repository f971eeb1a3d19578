import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createHoldfast, type Holdfast, type HoldfastOptions } from "@holdfast/server";

/** A node behind an ordinary server whose connections the test can cut. */
export class CuttableNode {
  readonly holdfast: Holdfast;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  url = "";

  /** `application` answers what is not the node's own. */
  constructor(application: RequestListener = showBlankPage, options: HoldfastOptions = {}) {
    this.holdfast = createHoldfast({ logger: () => {}, ...options });
    this.#server = createServer(application);
  }

  async start(): Promise<void> {
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.holdfast.attach(this.#server);
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Destroys every connection, as a proxy that restarts does. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  channel(name: string): string {
    return `${this.url}/channels/${name}`;
  }

  async publish(channel: string, ...values: readonly unknown[]): Promise<string> {
    let cursor = "";
    for (const value of values) ({ cursor } = await this.holdfast.publish(channel, value));
    return cursor;
  }

  async stop(): Promise<void> {
    await this.holdfast.close({ deadlineMs: 0 });
    this.#server.close();
    this.cut();
  }
}

function showBlankPage(_request: unknown, response: Parameters<RequestListener>[1]): void {
  response.setHeader("Content-Type", "text/html").end("<!doctype html><title>An application</title>");
}
