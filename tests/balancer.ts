import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What a node says of itself: `gone` where nobody listens. */
export type Health = "ready" | "draining" | "unready" | "gone";

interface Backend {
  readonly port: number;
  /** What it has said, each time it said something else. */
  readonly history: Health[];
}

const pollMs = 50;

/** A balancer of connections, as a proxy is that looks at readiness and nothing else: it ends none that are under way. */
export class Balancer {
  readonly #backends: readonly Backend[];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((socket) => void this.#pass(socket));
  #turn = 0;
  #isOver = false;
  /** Connections that came when no node was ready. */
  unserved = 0;
  /** Connections to a node that says that it is ready, and that nobody took. */
  failed = 0;
  passed = 0;

  constructor(ports: readonly number[]) {
    this.#backends = ports.map((port) => ({ port, history: ["gone"] }));
  }

  async start(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    for (const backend of this.#backends) void this.#watch(backend);
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What a node has said so far, each time it said something else. */
  historyOf(port: number): readonly Health[] {
    return this.#backends.find((backend) => backend.port === port)?.history ?? [];
  }

  async #watch({ port, history }: Backend): Promise<void> {
    while (!this.#isOver) {
      const health = await healthOf(port);
      if (history.at(-1) !== health) history.push(health);
      await sleep(pollMs);
    }
  }

  async #pass(socket: Socket): Promise<void> {
    this.#keep(socket);
    const ready = this.#backends.filter(({ history }) => history.at(-1) === "ready");
    const backend = ready[this.#turn++ % ready.length];
    if (backend === undefined) {
      this.unserved++;
      socket.destroy();
      return;
    }
    this.passed++;
    const upstream = connect({ port: backend.port, host: "127.0.0.1" });
    this.#keep(upstream);
    upstream.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") this.failed++;
    });
    socket.pipe(upstream).pipe(socket);
    socket.once("close", () => upstream.destroy());
    upstream.once("close", () => socket.destroy());
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => this.#sockets.delete(socket));
  }

  stop(): void {
    this.#isOver = true;
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function healthOf(port: number): Promise<Health> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, { headers: { Connection: "close" } });
    if (answer.ok) return "ready";
    const { code } = (await answer.json()) as { code: string };
    return code === "draining" ? "draining" : "unready";
  } catch {
    return "gone";
  }
}
