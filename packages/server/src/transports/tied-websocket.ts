import { Writable } from "node:stream";
import type { Session } from "@holdfast/core/server";
import { type RawData, WebSocket } from "ws";
import type { WebSocketSink } from "./websocket-sink.ts";

/** What `ws` closes for by itself, told as everything else is: with the outcome's code as the reason. */
const ownReasons: ReadonlyMap<number, string> = new Map([
  [1002, "bad_message"],
  [1007, "bad_utf8"],
  [1009, "too_large"],
]);
/** With which `ws` ends a message that has too many parts: for us it is one that is too large. */
const tooManyParts = 1008;

/** Who is told what a client says. */
export interface Listening {
  readonly session: Session;
  receive(data: Buffer, isBinary: boolean): void;
}

/** A WebSocket whose listeners are the same functions for all: what belongs to one connection is found through it. */
export class TiedWebSocket extends WebSocket {
  listening: Listening | undefined;
  sink: WebSocketSink | undefined;

  /** Ties the socket to a session: everything it is told by the one is passed on to the other. */
  tie(listening: Listening, sink: WebSocketSink): void {
    this.listening = listening;
    this.sink = sink;
    const parser = parserOf(this);
    parser.sink = sink;
    parser.write = takeIn;
    this.on("message", onMessage);
    this.on("ping", onPing);
    this.on("pong", onSign);
    this.on("close", onGone);
    // What the peer did wrong is told to it by the close code that follows.
    this.on("error", ignore);
  }

  override close(code?: number, reason?: string | Buffer): void {
    if (code === 1009 && reason === undefined) this.listening?.session.hubs.refused("messageBytesMax");
    const told = code === tooManyParts ? 1009 : code;
    super.close(told, reason ?? (told === undefined ? undefined : ownReasons.get(told)));
  }
}

/** The parser of `ws`, in a field that it does not document: the version is pinned, and the tests of BND-2 fail if it goes away. */
interface Parser extends Writable {
  sink?: WebSocketSink;
}

function parserOf(websocket: WebSocket): Parser {
  return (websocket as unknown as { readonly _receiver: Parser })._receiver;
}

const write = Writable.prototype.write as (this: Writable, data: Buffer) => boolean;

/** Counts what comes before it is parsed. A second listener on the socket would be a list for each connection, and one more for each piece. */
function takeIn(this: Parser, data: Buffer): boolean {
  this.sink?.began(data);
  return write.call(this, data);
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  const { listening, sink } = this as TiedWebSocket;
  sink?.whole();
  if (listening?.session.isClosed !== false) return;
  listening.session.counts?.heard((data as Buffer).length);
  listening.receive(data as Buffer, isBinary);
}

function onPing(this: WebSocket, payload: Buffer): void {
  const { listening, sink } = this as TiedWebSocket;
  listening?.session.heard();
  sink?.pong(payload);
}

function onSign(this: WebSocket): void {
  (this as TiedWebSocket).listening?.session.heard();
}

function onGone(this: WebSocket): void {
  const { listening, sink } = this as TiedWebSocket;
  sink?.whole();
  listening?.session.gone();
}

function ignore(): void {}
