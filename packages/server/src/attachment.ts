import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { HoldfastError } from "@holdfast/protocol";
import type { Front } from "./front.ts";
import type { Node } from "./node.ts";
import { refuseOnSocket } from "./problem.ts";

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void;

/** What Node's servers for HTTP/1.1, HTTPS and HTTP/2 have in common. */
export interface AttachableServer extends EventEmitter {
  shouldUpgradeCallback?: (request: IncomingMessage) => boolean;
}

/** Stands before an application's listeners for one event, and hands them what is not ours. */
function standBefore(
  server: EventEmitter,
  event: string,
  listener: (others: RequestListener[]) => RequestListener,
): () => void {
  const others = server.listeners(event) as RequestListener[];
  const ours = listener(others);
  server.removeAllListeners(event);
  server.on(event, ours);
  return () => {
    server.off(event, ours);
    for (const other of others) server.on(event, other);
  };
}

/**
 * Takes this node's requests and upgrades from a server that is somebody else's. Returns what undoes it.
 *
 * Request listeners that are added later hear of every request, ours included: attach after them.
 */
export function attach(node: Node, front: Front, server: AttachableServer, prefix: string): () => void {
  const restoreRequest = standBefore(server, "request", (others) => (request, response) => {
    if (front.handle(request, response, prefix)) return;
    for (const other of others) other.call(server, request, response);
  });
  const restoreContinue = standBefore(server, "checkContinue", (others) => (request, response) => {
    if (front.owns(request, prefix)) {
      front.noteContinue(request);
      front.handle(request, response, prefix);
    } else if (others.length > 0) {
      for (const other of others) other.call(server, request, response);
    } else {
      response.writeContinue();
      server.emit("request", request, response);
    }
  });
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (front.ownsUpgrade(request, prefix)) void front.upgrade(request, socket, head, prefix);
    // Whoever else listens answers; where nobody does, the socket would wait for ever.
    else if (server.listenerCount("upgrade") === 1) {
      refuseOnSocket(
        socket,
        new HoldfastError("bad_request", "Nothing here can be upgraded to that."),
        node.deadlines,
      );
    }
  };
  const wants = server.shouldUpgradeCallback;
  if (wants !== undefined) {
    // By its default a server upgrades whatever it can as soon as anybody listens, which would now be us.
    server.shouldUpgradeCallback = (request) => {
      if (front.owns(request, prefix)) return front.ownsUpgrade(request, prefix);
      return server.listenerCount("upgrade") > 1 && wants.call(server, request);
    };
  }
  server.on("upgrade", upgrade);
  return () => {
    restoreRequest();
    restoreContinue();
    server.off("upgrade", upgrade);
    if (wants !== undefined) server.shouldUpgradeCallback = wants;
  };
}
