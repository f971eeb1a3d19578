import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Farewell, WebSocketFramings } from "@holdfast/core/server";
import { formatCloseReason, pongFrame } from "@holdfast/protocol";
import { WebSocket } from "ws";
import type { ConnectionSocket } from "../attendance.ts";
import { tooManyUnfinished } from "../body.ts";
import type { Client } from "../limits/admission.ts";
import { retryAfterMs } from "../limits/retry-after.ts";
import type { Node } from "../node.ts";
import { BufferedSink } from "./buffered-sink.ts";
import { reset, type Taken, writeAll } from "./stream-wire.ts";

/** A socket that has become a WebSocket, and how it frames. */
export interface Opened {
  readonly websocket: WebSocket;
  readonly socket: Duplex;
  readonly faces: WebSocketFramings;
  readonly client: Client;
}

/** The frames of a session are whole and unmasked, and so are those that `ws` writes: on one socket they do not mix. */
export class WebSocketSink extends BufferedSink {
  readonly #socket: Duplex;
  readonly #websocket: WebSocket;
  #owedPong: Uint8Array | undefined;
  /** Counted as not whole. */
  #unfinished = 0;

  constructor(node: Node, { websocket, socket, client }: Opened) {
    super(node, client, node.traffic.websocket);
    this.#websocket = websocket;
    this.#socket = socket;
  }

  /** Something came that may be a part of a message. */
  began(data: Uint8Array): void {
    const { unfinished } = this.node;
    this.#unfinished += unfinished.hold(data);
    if (!unfinished.isExceeded || this.session.isClosed) return;
    // Told before it is heard: what has come whole by this is lost with it, as by any cut.
    this.session.close({ kind: "refused", error: tooManyUnfinished(this.node) });
  }

  /** A message has come whole, or no more of it will come. */
  whole(): void {
    this.node.unfinished.release(this.#unfinished);
    this.#unfinished = 0;
  }

  get socket(): ConnectionSocket {
    return this.#socket as Socket;
  }

  protected get inSocket(): number {
    return this.#socket.writableLength;
  }

  get isWritable(): boolean {
    return this.#websocket.readyState === WebSocket.OPEN;
  }

  protected put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: Taken): void {
    writeAll(this.#socket, first, rest, taken);
  }

  protected cut(): void {
    reset(this.#socket);
  }

  /** Answers a ping; while the client takes nothing, the latest one waits alone. RFC 6455 §5.5.3; rule LIM-6. */
  pong(payload: Uint8Array): void {
    if (this.session.isClosed) return;
    // Copied: it is a view of all that came with it.
    if (this.session.full) this.#owedPong = payload.slice();
    else this.session.transmit(pongFrame(payload));
  }

  protected override resumed(): void {
    const owed = this.#owedPong;
    this.#owedPong = undefined;
    if (owed !== undefined) this.pong(owed);
  }

  close(farewell: Farewell): void {
    this.flush();
    const [code, reason] = closeFor(farewell);
    // While input is paused the client's own close frame would never be read.
    this.#websocket.resume();
    this.#websocket.once(
      "close",
      this.node.farewells.begin(() => this.#websocket.terminate()),
    );
    this.#websocket.close(code, reason);
  }

  pauseInput(paused: boolean): void {
    if (paused) this.#websocket.pause();
    else this.#websocket.resume();
  }
}

/** What a connection is closed with. Rules ERR-1, LIM-4. */
function closeFor(farewell: Farewell): [code: number, reason: string] {
  switch (farewell.kind) {
    case "ended":
      return [1000, "ended"];
    case "refused":
      return [farewell.error.closeCode, formatCloseReason(farewell.error.code, retryAfterMs(farewell.error))];
    case "reconnect":
      return [1012, formatCloseReason(farewell.reason, farewell.delayMs)];
  }
}
