import type { IncomingMessage, ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { HoldfastError } from "@holdfast/protocol";
import { noteContinue } from "./body.ts";
import { wantsStream } from "./calm/ask-back.ts";
import { ClientGone, Exchange, splitTarget } from "./exchange.ts";
import { Handshakes } from "./handshakes.ts";
import type { Node } from "./node.ts";
import { preflightHeaders } from "./origins.ts";
import { refuseOnSocket } from "./problem.ts";
import { checkUnambiguous } from "./request-shape.ts";
import {
  channelOf,
  destinationOf,
  handlerFor,
  type Match,
  methodNotAllowed,
  methodsOf,
  notFound,
  type Route,
} from "./routes.ts";
import { Surplus } from "./surplus.ts";

/** Takes the requests that are this node's, and answers each exactly once. */
export class Front {
  readonly #node: Node;
  readonly #handshakes: Handshakes;
  readonly surplus = new Surplus();
  /** The newest exchange of each HTTP/1.1 socket, for when the socket itself fails. */
  readonly #current = new WeakMap<Duplex, Exchange>();
  /** The newest answer on each HTTP/1.1 socket, also where somebody else gives it. */
  readonly #answers = new WeakMap<Duplex, ServerResponse>();
  readonly #refused = new WeakSet<Duplex>();

  constructor(node: Node) {
    this.#node = node;
    this.#handshakes = new Handshakes(node, this.surplus);
  }

  /** Whether a request means a path under the prefix that is ours. */
  owns(request: IncomingMessage, prefix: string): boolean {
    return destinationOf(request, prefix) !== undefined;
  }

  /** Answers a request that is ours; returns false, and leaves it alone, when it is not. */
  handle(request: IncomingMessage, response: ServerResponse, prefix: string): boolean {
    const { socket } = request;
    const isHttp1 = request.httpVersionMajor < 2;
    const previous = isHttp1 ? this.#current.get(socket) : undefined;
    // What was sent behind the last request may be no request at all.
    if (previous?.isLast) return true;
    const before = isHttp1 ? this.#unansweredOn(socket) : undefined;
    if (isHttp1) this.#answers.set(socket, response);
    const target = destinationOf(request, prefix);
    if (target === undefined) return false;
    const exchange = new Exchange(this.#node, request, response, target);
    if (!exchange.isHttp2) this.#current.set(socket, exchange);
    // Middleware may be asked twice about one request.
    if (before === undefined || before === response) void this.#serve(exchange, target.found);
    else this.#serveAfter(before, previous, exchange, target.found);
    return true;
  }

  /** The newest answer on a socket, unless the client has it. */
  #unansweredOn(socket: Duplex): ServerResponse | undefined {
    const answer = this.#answers.get(socket);
    return answer?.closed === false ? answer : undefined;
  }

  /** Requests that are sent ahead take effect in their order, and no more are read meanwhile. Rule HTTP-5. */
  #serveAfter(
    before: ServerResponse,
    previous: Exchange | undefined,
    exchange: Exchange,
    found: Match,
  ): void {
    const { socket } = exchange.request;
    exchange.isWaiting = true;
    // Only now: `node:http` resumes the socket itself when it has come to the end of the request, a moment from here.
    queueMicrotask(() => {
      if (exchange.isWaiting) socket.pause();
    });
    before.once("close", () => {
      exchange.isWaiting = false;
      exchange.isLast = previous?.isLast === true;
      if (socket.destroyed || exchange.isLast) return;
      // Where others wait behind it no more are read.
      if (this.#current.get(socket) === exchange) socket.resume();
      void this.#serve(exchange, found);
    });
  }

  /** Notes that the client of a request waits to be asked for its body. */
  noteContinue(request: IncomingMessage): void {
    noteContinue(request);
  }

  /** Answers a request that nobody else will. */
  refuse(request: IncomingMessage, response: ServerResponse, error: HoldfastError): void {
    new Exchange(this.#node, request, response, splitTarget(request.url ?? "/")).fail(error);
  }

  /** Answers what is asked of a proxy alone: on its socket, or in HTTP/2 on its stream. Rule HTTP-2. */
  refuseTunnel(request: IncomingMessage, peer: ServerResponse | Duplex): void {
    const error = new HoldfastError(
      "method_not_allowed",
      "This is no proxy: nothing can be reached through it.",
    );
    const allowed = { Allow: "GET, HEAD, POST, OPTIONS" };
    if (peer instanceof Duplex) {
      refuseOnSocket(peer, error, this.#node.deadlines, allowed);
      return;
    }
    const exchange = new Exchange(this.#node, request, peer, splitTarget(request.url ?? "/"));
    exchange.carry(allowed);
    exchange.fail(error);
  }

  async #serve(exchange: Exchange, { route, channelText }: Match): Promise<void> {
    const node = this.#node;
    try {
      this.#admit(exchange);
      if (route === undefined) throw notFound();
      const channel = channelText === undefined ? "" : channelOf(channelText);
      const method = exchange.request.method ?? "";
      if (method === "OPTIONS") return this.#answerOptions(exchange, methodsOf(route));
      const handler = handlerFor(route, method);
      if (handler === undefined) {
        if (route.upgrades === true && method === "GET") this.#checkDoor(exchange);
        exchange.carry({ Allow: methodsOf(route) });
        throw methodNotAllowed(route, method);
      }
      const answer = () => handler(node, exchange, channel);
      await (this.#comesToStay(exchange, route) ? node.entrance.pass(answer) : answer());
    } catch (thrown) {
      this.#fail(exchange, thrown, route);
    }
  }

  #admit(exchange: Exchange): void {
    const { request } = exchange;
    try {
      this.surplus.check(request);
      checkUnambiguous(request);
    } catch (refusal) {
      // Whatever follows on it may not be what its sender meant.
      if (!exchange.isHttp2) exchange.carry({ Connection: "close" });
      throw refusal;
    }
    exchange.carry(this.#node.origins.admit(request));
  }

  /** Whether a request opens what lasts: it is these that come all together. */
  #comesToStay(exchange: Exchange, { streams = false, upgrades = false }: Route): boolean {
    return streams ? wantsStream(exchange) : upgrades && exchange.request.method === "POST";
  }

  /** Tells who asks without an upgrade whether one would be let in now: of a refused upgrade a page is shown nothing. Rule LIM-11. */
  #checkDoor({ request }: Exchange): void {
    const node = this.#node;
    node.entrance.check();
    node.admit(node.clientOf(request));
  }

  #answerOptions(exchange: Exchange, methods: string): void {
    const asksFor = exchange.header("access-control-request-method");
    exchange.answer(204, undefined, {
      Allow: methods,
      ...(asksFor === undefined ? {} : { ...preflightHeaders, "Access-Control-Allow-Methods": methods }),
    });
  }

  #fail(exchange: Exchange, thrown: unknown, route: Route | undefined): void {
    if (thrown instanceof ClientGone) {
      exchange.response.destroy();
      return;
    }
    exchange.fail(thrown, route?.streams === true && wantsStream(exchange));
  }

  /** Whether an upgrade is ours to answer, so that it is no matter for anybody else. */
  ownsUpgrade(request: IncomingMessage, prefix: string): boolean {
    const { headers, method } = request;
    // With a body it is no handshake; with another protocol it is a request like any other. RFC 9110 §7.8.
    if (
      method !== "GET" ||
      headers["content-length"] !== undefined ||
      headers["transfer-encoding"] !== undefined
    ) {
      return false;
    }
    if (!/(?:^|,)\s*websocket\s*(?:,|$)/i.test(headers.upgrade ?? "")) return false;
    // Its handshake would be read as the answer that is still owed, and that as a message.
    if (this.#unansweredOn(request.socket) !== undefined) return false;
    return destinationOf(request, prefix)?.found.route?.upgrades === true;
  }

  /** Opens a WebSocket, or refuses it before the upgrade. */
  async upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, prefix: string): Promise<void> {
    await this.#handshakes.answer(request, socket, head, destinationOf(request, prefix));
  }

  /** Answers what is no HTTP, or came too slowly, on the socket itself. Rules HTTP-1, ERR-2. */
  clientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const exchange = this.#current.get(socket);
    if (exchange !== undefined) exchange.isCorrupt = true;
    if (exchange?.isLast && exchange.endLinger()) return;
    // What is said now would be read as a part of the answer that is under way, or as one that is still owed.
    const answer = this.#answers.get(socket);
    const midway = exchange?.isWaiting === true || (answer?.headersSent === true && !answer.writableFinished);
    if (error.code === "ECONNRESET" || midway || !socket.writable) {
      socket.destroy();
      return;
    }
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    const refusal = outcomeOf(error, this.#node);
    this.#node.traffic.request.refused(refusal.code);
    refuseOnSocket(socket, refusal, this.#node.deadlines);
  }
}

function outcomeOf({ code, message }: NodeJS.ErrnoException, node: Node): HoldfastError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
      return node.refusal(
        "headersBytesMax",
        "headers_too_large",
        "The headers are longer than is taken here (headersBytesMax).",
      );
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return new HoldfastError("too_large", "The body's chunk extensions are too long.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return node.refusal(
        "headersTimeoutMs",
        "timed_out",
        "The request did not arrive in time (headersTimeoutMs).",
      );
    default:
      return new HoldfastError("bad_request", `This is not HTTP: ${message}.`);
  }
}
