import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { HoldfastError } from "@holdfast/protocol";
import { Exchange, splitTarget } from "./exchange.ts";
import type { Node } from "./node.ts";
import { isLoopbackHost } from "./origins.ts";
import { answerLive, answerReady } from "./routes/health.ts";
import { answerMetrics } from "./routes/metrics.ts";
import { answerStats } from "./routes/stats.ts";
import type { Handler } from "./routes.ts";

/** Where those who look after a node find it without a token. */
export interface OperationsOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** 127.0.0.1 unless given: whoever can reach it can read everything there. */
  readonly host?: string;
}

const paths: ReadonlyMap<string, Handler> = new Map([
  ["/health/live", answerLive],
  ["/health/ready", answerReady],
  ["/metrics", answerMetrics],
  ["/stats", answerStats],
]);

/** A scraper, a probe and a few people: nobody else has a reason to be here. */
const connectionsMax = 100;

/**
 * A listener beside the public one: health, metrics and stats, and nothing else. It stays until the node is gone, so that
 * a drain can be watched to its end. Rule SEE-5.
 */
export class OperationsListener {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** Rejects with the system's own error. */
  static async open(
    node: Node,
    { port, host = "127.0.0.1" }: OperationsOptions,
  ): Promise<OperationsListener> {
    const { headersTimeoutMs, headersBytesMax } = node.limits;
    const server = createServer({
      headersTimeout: headersTimeoutMs,
      requestTimeout: headersTimeoutMs,
      maxHeaderSize: headersBytesMax,
    });
    server.maxConnections = connectionsMax;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      void answer(node, request, response, isLoopbackHost(host));
    });
    server.listen({ port, host });
    await once(server, "listening");
    server.on("error", (error) =>
      node.log({ level: "error", message: "The operations listener failed.", error: error.message }),
    );
    const { port: actual } = server.address() as AddressInfo;
    const name = host.includes(":") ? `[${host}]` : host;
    const url = `http://${name}:${actual}`;
    node.log({ level: "info", message: "Health, metrics and stats are served without a token.", url });
    return new OperationsListener(server, url);
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function answer(
  node: Node,
  request: IncomingMessage,
  response: ServerResponse,
  isLoopback: boolean,
): Promise<void> {
  const target = splitTarget(request.url ?? "/");
  const handler = paths.get(target.path);
  const exchange = new Exchange(node, request, response, {
    ...target,
    ...(handler === undefined ? {} : { route: target.path }),
  });
  try {
    // A page whose name was made to mean this machine reaches it as itself.
    if (isLoopback && !isLoopbackHost((request.headers.host ?? "").replace(/:\d+$/, "")))
      throw new HoldfastError("forbidden", "This listener is for its own machine; ask it by its address.");
    if (handler === undefined)
      throw new HoldfastError("not_found", `Here are ${[...paths.keys()].join(", ")}, and nothing else.`);
    if (request.method !== "GET" && request.method !== "HEAD") {
      exchange.carry({ Allow: "GET, HEAD" });
      throw new HoldfastError("method_not_allowed", "This path takes GET and HEAD.");
    }
    const answered: Promise<void> = handler(node, exchange, "");
    await answered;
  } catch (thrown) {
    exchange.fail(thrown);
  }
}
