import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import { createSecureServer, type Http2Session } from "node:http2";
import type { AddressInfo, Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Server as TlsServer } from "node:tls";
import { HoldfastError } from "@holdfast/protocol";
import { ConfigurationError } from "./configuration-error.ts";
import { type Room, roomFor } from "./files.ts";
import type { Front } from "./front.ts";
import { endIdleSessions, lendToHttp2 } from "./http2-sockets.ts";
import { LentSocket } from "./lent-socket.ts";
import { SocketGate } from "./limits/socket-gate.ts";
import { thrownField } from "./log.ts";
import type { Node } from "./node.ts";
import { isLoopbackHost } from "./origins.ts";

export interface ListenOptions {
  /** 0 takes any free port. */
  readonly port: number;
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** Certificate chain and key in PEM; with both the node speaks HTTP/2 and HTTP/1.1 over TLS, else HTTP/1.1. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
}

const idleSweepMs = 20;

/** Clients that come back all at once wait in the kernel, which sends none away to try again a second later; it has a limit of its own. */
const backlog = 4096;

/** Node's servers with HTTP/1.1 have this, also where HTTP/2 came first. */
type ClosingServer = Server & { closeIdleConnections?(): void };

/** Certificate chain and key in PEM. */
export interface Certificate {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

/** One socket that the node listens on by itself. */
export class Listener {
  readonly url: string;
  readonly #server: ClosingServer;
  readonly #gate: SocketGate;
  readonly #sessions = new Set<Http2Session>();

  private constructor(server: ClosingServer, url: string, gate: SocketGate) {
    this.#server = server;
    server.on("session", (session: Http2Session) => {
      this.#sessions.add(session);
      session.once("close", () => this.#sessions.delete(session));
    });
    this.url = url;
    this.#gate = gate;
  }

  /** Rejects with a `ConfigurationError` for what cannot be listened on, or with the system's own error. */
  static async open(node: Node, front: Front, options: ListenOptions): Promise<Listener> {
    const { port, host = "127.0.0.1", cert, key } = options;
    checkExposure(node, host);
    if ((cert === undefined) !== (key === undefined)) {
      throw new ConfigurationError(['"cert" and "key" belong together; give both or neither.']);
    }
    const isSecure = cert !== undefined && key !== undefined;
    const server = isSecure ? secureServer(node, front, { cert, key }) : plainServer(node, front);
    serve(server, front);
    const room = roomFor(node.limits.connectionsMax);
    const gate = countSockets(server, node, front, { isSecure, room });
    warnOfFileLimit(node, room);
    server.listen({ port, host, backlog });
    await once(server, "listening");
    server.on("error", (error: NodeJS.ErrnoException) => logAcceptFailure(node, error));
    const { port: actual } = server.address() as AddressInfo;
    const name = host.includes(":") ? `[${host}]` : host;
    return new Listener(server, `${isSecure ? "https" : "http"}://${name}:${actual}`, gate);
  }

  get isSecure(): boolean {
    return "setSecureContext" in this.#server;
  }

  /** Shows another certificate from now on; throws a `ConfigurationError`. */
  renew({ cert, key }: Certificate): void {
    const context = { cert: Buffer.from(cert), key: Buffer.from(key) };
    try {
      (this.#server as TlsServer).setSecureContext(context);
    } catch (error) {
      throw new ConfigurationError([`The certificate cannot be used: ${(error as Error).message}.`]);
    }
  }

  /** Asks those on HTTP/2 to take another connection for what they ask next; what is under way goes on. RFC 9113 §6.8. */
  sendAway(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Takes no more connections, and lets the idle ones go. Resolves when the last one has gone. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    // A connection whose answer ends only now would wait for another request, which nobody takes any more.
    const sweep = setInterval(() => this.#server.closeIdleConnections?.(), idleSweepMs);
    await closed;
    clearInterval(sweep);
    // The server counts a socket as gone a moment before that is told.
    await Promise.all([...this.#gate.sockets].map((socket) => once(socket, "close")));
  }

  /** Cuts every connection that is still there, and returns how many. */
  cut(): number {
    const left = [...this.#gate.sockets].filter(({ destroyed }) => !destroyed);
    for (const socket of left) socket.destroy();
    return left.length;
  }
}

function checkExposure(node: Node, host: string): void {
  if (node.settings.access !== "loopback" || isLoopbackHost(host)) return;
  throw new ConfigurationError([
    `Without authentication this node listens on 127.0.0.1 only, not on ${host}. Configure "auth", or "authenticate" and "authorize", or "open: true" to let everybody in.`,
  ]);
}

function http1Options({ limits }: Node, front: Front): ServerOptions {
  const { headersTimeoutMs, bodyTimeoutMs, headersBytesMax, keepAliveTimeoutMs } = limits;
  return {
    headersTimeout: headersTimeoutMs,
    // The body has its own deadline, with a better answer; this one is for requests that nobody reads.
    requestTimeout: headersTimeoutMs + 2 * bodyTimeoutMs,
    connectionsCheckingInterval: Math.max(20, Math.min(2000, Math.floor(headersTimeoutMs / 4))),
    keepAliveTimeout: keepAliveTimeoutMs,
    maxHeaderSize: headersBytesMax,
    noDelay: true,
    // Refused by ourselves, with an answer that says why.
    requireHostHeader: false,
    shouldUpgradeCallback: (request) => front.ownsUpgrade(request, ""),
  };
}

/** A server whose sockets are lent to `node:http`, so that streams can have them back. */
function plainServer(node: Node, front: Front): Server {
  const server = createServer(http1Options(node, front));
  const serveHttp = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const lent = new LentSocket(socket) as unknown as Socket;
    for (const serve of serveHttp) serve.call(server, lent);
  });
  return server;
}

function secureServer(
  node: Node,
  front: Front,
  { cert, key }: { cert: string | Uint8Array; key: string | Uint8Array },
) {
  const options = http1Options(node, front);
  const { headersTimeoutMs, headersBytesMax, heartbeatMs, http2StreamsMax, keepAliveTimeoutMs } = node.limits;
  const server = createSecureServer({
    ...options,
    http1Options: options,
    allowHTTP1: true,
    cert: Buffer.from(cert),
    key: Buffer.from(key),
    handshakeTimeout: headersTimeoutMs,
    settings: { maxConcurrentStreams: http2StreamsMax, maxHeaderListSize: headersBytesMax },
  });
  // It has this of Node's servers of HTTP/1.1, and does not take it from their options.
  const http1Server = server as unknown as Pick<ServerOptions, "shouldUpgradeCallback">;
  http1Server.shouldUpgradeCallback = options.shouldUpgradeCallback;
  lendToHttp2(server);
  endIdleSessions(server, node);
  // Heartbeats keep a connection with streams from ever being idle.
  server.setTimeout(Math.max(2 * keepAliveTimeoutMs, 3 * heartbeatMs));
  return server;
}

function serve(server: Server, front: Front): void {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (front.handle(request, response, "")) return;
    front.refuse(
      request,
      response,
      new HoldfastError("not_found", "There is nothing here. Channels are at /channels/{channel}."),
    );
  };
  server.on("request", answer);
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    front.noteContinue(request);
    answer(request, response);
  });
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    front.refuse(
      request,
      response,
      new HoldfastError("bad_request", "Nothing can be expected here but 100-continue."),
    );
  });
  server.on("connect", (request: IncomingMessage, peer: ServerResponse | Duplex) =>
    front.refuseTunnel(request, peer),
  );
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (socket instanceof LentSocket) {
      const taken = socket.takeBack();
      void front.upgrade(request, taken.socket, Buffer.concat([head, taken.head]), "");
    } else void front.upgrade(request, socket, head, "");
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) =>
    front.clientError(error, socket),
  );
}

/** Keeps count of the connections, and refuses those beyond the limit. Rule BND-2. */
function countSockets(
  server: Server,
  node: Node,
  front: Front,
  { isSecure, room }: { isSecure: boolean; room: Room },
): SocketGate {
  const gate = new SocketGate(node, room, isSecure);
  const mark = (connection: Socket | Http2Session, remoteAddress: string | undefined) => {
    const refusal = gate.refusalOf(remoteAddress);
    if (refusal !== undefined) front.surplus.mark(connection, refusal);
  };
  // One function for all: a closure for each would be kept for as long as its connection.
  const forget = function (this: Socket): void {
    gate.forget(this);
  };
  // Before the HTTP server's own listener: what is refused here costs no parser and no handshake.
  server.prependListener("connection", (socket: Socket) => {
    if (!gate.take(socket)) return;
    socket.on("close", forget);
    const pace = gate.paceOf(socket);
    if (pace === "cut") socket.resetAndDestroy();
    else if (pace !== undefined) front.surplus.mark(socket, pace);
    else if (!isSecure) mark(socket, socket.remoteAddress);
  });
  if (isSecure) {
    // What TLS makes of a socket is another one, and a session of HTTP/2 is a third.
    server.prependListener("secureConnection", (socket: Socket) => mark(socket, socket.remoteAddress));
    server.on("session", (session: Http2Session) => mark(session, session.socket?.remoteAddress));
  }
  return gate;
}

/** What the system says of a connection that could not be accepted; that files ran out it does not say. */
function logAcceptFailure({ log }: Node, error: NodeJS.ErrnoException): void {
  log({ level: "error", message: "A connection could not be accepted.", error: thrownField(error) });
}

/** A process that may open fewer files than it may have connections has less room than was asked for. */
function warnOfFileLimit({ limits: { connectionsMax }, log }: Node, { served, because }: Room): void {
  if (served === connectionsMax) return;
  log({
    level: "warn",
    message: `This node takes ${served} connections, fewer than connectionsMax, as ${because}. Raise that with "ulimit -n", lower connectionsMax, or share them among several processes (holdfast serve --workers).`,
    served,
    connectionsMax,
  });
}
