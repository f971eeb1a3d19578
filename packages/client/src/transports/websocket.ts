import { closeError, type Loss } from "@holdfast/core/client";
import { parseJson, subprotocols } from "@holdfast/protocol";
import { toFailure } from "../answer.ts";
import type { Link, LinkHandlers, LinkRequest, Network } from "./link.ts";
import { openAbortable } from "./node-websocket.ts";

/** How long a server may take to answer a close, where the platform lets us choose. */
const closeTimeoutMs = 1_000;

/** One WebSocket, a message a text frame. */
export function openWebSocket(request: LinkRequest, handlers: LinkHandlers, network: Network): Link {
  const target = new URL("connect", request.url);
  target.protocol = target.protocol === "https:" ? "wss:" : "ws:";
  let isOver = false;
  const lose = (loss: Loss) => {
    if (isOver) return;
    isOver = true;
    handlers.lost(loss);
  };
  let opened: ReturnType<typeof openAbortable>;
  try {
    if (network.WebSocket === undefined) throw new Error("This platform has no WebSocket.");
    opened = openAbortable(network.WebSocket, target.href, [subprotocols.json]);
  } catch (error) {
    // A page under https may not open ws:, and a worker may have no WebSocket at all.
    queueMicrotask(() => lose(toFailure(error)));
    return {
      close: () => {
        isOver = true;
      },
    };
  }
  const { socket, abort } = opened;
  const close = () => {
    isOver = true;
    socket.close();
    const timer = setTimeout(abort, closeTimeoutMs);
    socket.addEventListener("close", () => clearTimeout(timer));
  };
  socket.addEventListener("open", () => {
    if (isOver) return;
    socket.send(request.hello);
    handlers.opened();
  });
  socket.addEventListener("message", ({ data }) => {
    if (isOver) return;
    try {
      handlers.message(parseJson(typeof data === "string" ? data : "a binary frame"));
    } catch (error) {
      lose(toFailure(error));
      close();
    }
  });
  socket.addEventListener("close", ({ code, reason }) => {
    const error = closeError(code, reason);
    lose(
      error === undefined
        ? { type: "failed", reason: `Closed with ${code} ${reason}` }
        : { type: "refused", error },
    );
  });
  // A `close` follows every `error` and says more; but without a listener some platforms take it for uncaught.
  socket.addEventListener("error", () => {});
  return { send: (text) => socket.send(text), close };
}
