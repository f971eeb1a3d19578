import type { AddressInfo, Server, Socket } from "node:net";

/** The connections of a server, of whatever kind. */
export class Sockets {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      // Load generators leave by resetting their connections.
      socket.on("error", () => socket.destroy());
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** Listens on any free port of this machine alone, and resolves with it. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) =>
      this.#server.listen({ port: 0, host: "127.0.0.1", backlog: 1024 }, resolve),
    );
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes that were written and that the system has not taken yet. */
  unsentBytes(): number {
    let bytes = 0;
    for (const socket of this.#sockets) bytes += socket.writableLength;
    return bytes;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
