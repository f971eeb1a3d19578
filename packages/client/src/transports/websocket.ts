import { closeError, type Loss } from "@holdfast/core/client";
import { type Codec, jsonCodec } from "@holdfast/protocol";
import { toFailure } from "../answer.ts";
import type { Link, LinkHandlers, LinkRequest, Network } from "./link.ts";
import { openAbortable } from "./node-websocket.ts";

/** How long a server may take to answer a close, where the platform lets us choose. */
const closeTimeoutMs = 1_000;

/** One WebSocket, a message a frame: text in JSON, binary in another codec. Rule SES-5. */
export function openWebSocket(request: LinkRequest, handlers: LinkHandlers, network: Network): Link {
  const target = new URL("connect", request.url);
  target.protocol = target.protocol === "https:" ? "wss:" : "ws:";
  let isOver = false;
  const lose = (loss: Loss) => {
    if (isOver) return;
    isOver = true;
    handlers.lost(loss);
  };
  const offers = network.codec === undefined ? [jsonCodec] : [network.codec, jsonCodec];
  let opened: ReturnType<typeof openAbortable>;
  try {
    if (network.WebSocket === undefined) throw new Error("This platform has no WebSocket.");
    opened = openAbortable(
      network.WebSocket,
      target.href,
      offers.map(({ subprotocol }) => subprotocol),
    );
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
  socket.binaryType = "arraybuffer";
  let codec: Codec = jsonCodec;
  const close = () => {
    isOver = true;
    socket.close();
    const timer = setTimeout(abort, closeTimeoutMs);
    socket.addEventListener("close", () => clearTimeout(timer));
  };
  socket.addEventListener("open", () => {
    if (isOver) return;
    codec = offers.find(({ subprotocol }) => subprotocol === socket.protocol) ?? jsonCodec;
    socket.send(codec.encode(request.hello));
    handlers.opened(codec);
  });
  socket.addEventListener("message", ({ data }) => {
    if (isOver) return;
    try {
      const said = typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer);
      handlers.message(codec.decode(said), said.length);
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
  return { send: (message) => socket.send(message), close };
}
