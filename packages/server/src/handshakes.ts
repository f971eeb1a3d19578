import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { framings, type WebSocketFramings } from "@holdfast/core/server";
import { HoldfastError, toHoldfastError } from "@holdfast/protocol";
import type { WebSocket, WebSocketServer } from "ws";
import { extendDeflate, negotiateDeflate } from "./compression/deflate-extension.ts";
import { splitTarget } from "./exchange.ts";
import { farewellMs, type Node } from "./node.ts";
import { refuseOnSocket } from "./problem.ts";
import { logRefusal, requestIdOf } from "./request-log.ts";
import { checkUnambiguous } from "./request-shape.ts";
import { type Destination, notFound } from "./routes.ts";
import type { Surplus } from "./surplus.ts";
import { createAcceptor } from "./transports/websocket.ts";
import { openWebSocket } from "./upgrade.ts";

/** Does the handshakes of WebSockets, for whoever may come in. */
export class Handshakes {
  readonly #node: Node;
  readonly #surplus: Surplus;
  readonly #acceptor: WebSocketServer;

  constructor(node: Node, surplus: Surplus) {
    this.#node = node;
    this.#surplus = surplus;
    this.#acceptor = createAcceptor(node.limits, farewellMs(node.settings));
    if (node.compression !== undefined) negotiateDeflate(this.#acceptor);
    this.#acceptor.on("wsClientError", (error, socket) => {
      refuseOnSocket(socket, new HoldfastError("bad_request", `${error.message}.`), node.deadlines, {
        "Sec-WebSocket-Version": "13",
      });
    });
  }

  /** Opens a WebSocket, or refuses it before the upgrade. */
  async answer(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    target: Destination | undefined,
  ): Promise<void> {
    const node = this.#node;
    const fail = () => socket.destroy();
    socket.on("error", fail);
    try {
      if (target?.found.route?.upgrades !== true) throw notFound();
      this.#surplus.check(request);
      checkUnambiguous(request);
      node.origins.admit(request);
      const client = node.clientOf(request);
      node.admit(client);
      const open = await node.entrance.pass(() =>
        openWebSocket(node, request, client, {
          channelText: target.found.channelText,
          query: target.query,
        }),
      );
      socket.off("error", fail);
      if (socket.destroyed) return;
      // All who are here may have been told to go meanwhile.
      node.checkRoom(client);
      this.#acceptor.handleUpgrade(request, socket, head, (websocket) => {
        // One that was taken back from HTTP stands still.
        socket.resume();
        node.meters.answered(target.route, 101);
        open({ websocket, socket, client, faces: this.#facesFor(websocket, request) });
      });
    } catch (thrown) {
      this.#refuse(request, socket, target, thrown);
    }
  }

  #refuse(request: IncomingMessage, socket: Duplex, target: Destination | undefined, thrown: unknown): void {
    const node = this.#node;
    const error = toHoldfastError(thrown);
    node.traffic.websocket.refused(error.code);
    node.meters.answered(target?.route ?? "other", error.status);
    logRefusal(node, request, splitTarget(request.url ?? "/").path, thrown);
    if (socket.destroyed) return;
    refuseOnSocket(socket, error, node.deadlines, { "X-Request-Id": requestIdOf(request, node) });
  }

  #facesFor(websocket: WebSocket, request: IncomingMessage): WebSocketFramings {
    const { compression, limits } = this.#node;
    if (compression === undefined || !extendDeflate(websocket, request, limits.messageBytesMax))
      return framings;
    return compression.webSocketFramings;
  }
}
