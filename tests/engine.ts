import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import {
  BrokerHost,
  decodeMessage,
  encodeMessage,
  MemoryBroker,
  RemoteBroker,
  type Reply,
  type Request,
} from "@holdfast/core/broker";
import { drawSeed } from "./transports-under-test.ts";

/** An engine that several processes share: a log behind a port of this machine. */
export class Engine {
  readonly log: MemoryBroker;
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => {
    this.#sockets.add(socket);
    const guest = this.#host.welcome({
      isFull: false,
      send: (reply) => socket.write(`${encodeMessage(reply)}\n`),
    });
    linesOf(socket, (line) => guest.receive(decodeMessage<Request>(line)));
    socket
      .on("error", () => {})
      .on("close", () => {
        this.#sockets.delete(socket);
        guest.gone();
      });
  });
  readonly #host: BrokerHost;

  constructor(log = new MemoryBroker({ clock: { now: () => Date.now() }, epochSeed: drawSeed() })) {
    this.log = log;
    const host = new BrokerHost({ broker: log, schedule: () => setImmediate(() => host.flush()) });
    this.#host = host;
  }

  async start(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** Processes that are connected. */
  get clients(): number {
    return this.#sockets.size;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

/** Reads a socket line by line; that it broke is told by its close. */
function linesOf(socket: Socket, hear: (line: string) => void): void {
  createInterface(socket)
    .on("line", hear)
    .on("error", () => {});
}

/** A broker on the engine at this port. */
export function engineBroker(port: number): RemoteBroker {
  const socket = connect(port, "127.0.0.1");
  const capabilities = { conditionalAppend: true, durable: false, state: true, shared: true };
  const send = (request: Request) => {
    socket.write(`${encodeMessage(request)}\n`);
    if (request.ask === "leave") socket.end();
  };
  const broker = new RemoteBroker({ name: "engine", capabilities, send });
  linesOf(socket, (line) => broker.receive(decodeMessage<Reply>(line)));
  socket.on("error", () => {}).on("close", () => broker.lost());
  return broker;
}
