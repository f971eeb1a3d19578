import { connect, type Socket } from "node:net";
import type { HttpWay, WebSocketWay } from "../publish-way.ts";
import { clientFrame } from "./frames.ts";
import { type Crew, Reader } from "./reader.ts";
import type { Tally } from "./tally.ts";

/** A connection on which requests are sent and acknowledged in order. */
export interface PublishingConnection {
  /** What goes over the wire for a message or request. */
  send(bytes: Uint8Array): void;
  leave(): void;
}

/** A WebSocket that publishes. */
export class WebSocketPublisher extends Reader implements PublishingConnection {
  readonly #acknowledged: Buffer;
  readonly #onAcknowledged: () => void;
  /** How much of a message's beginning has been compared, and whether it was as expected so far. */
  #compared = 0;
  #isAlike = true;

  constructor(crew: Crew, channel: string, tally: Tally, way: WebSocketWay, onAcknowledged: () => void) {
    super(crew, [channel], tally);
    this.#acknowledged = Buffer.from(way.acknowledged);
    this.#onAcknowledged = onAcknowledged;
  }

  override body(buffer: Uint8Array, from: number, end: number, length: number, isLast: boolean): void {
    if (!this.isLive) {
      super.body(buffer, from, end, length, isLast);
      return;
    }
    const expected = this.#acknowledged;
    for (let at = from; at < end && this.#compared < expected.length; at++, this.#compared++) {
      if (buffer[at] !== expected[this.#compared]) this.#isAlike = false;
    }
    if (!isLast) return;
    const isAcknowledgement = this.#isAlike && this.#compared === expected.length;
    this.#compared = 0;
    this.#isAlike = true;
    if (isAcknowledgement) this.#onAcknowledged();
  }
}

/** A kept-alive HTTP connection with one request at a time. */
export class HttpPublisher implements PublishingConnection {
  readonly #socket: Socket;
  readonly #onAcknowledged: () => void;
  readonly #onFailure: (error: Error) => void;
  #text = "";
  #isOver = false;

  constructor(
    port: number,
    onOpen: () => void,
    onAcknowledged: () => void,
    onFailure: (error: Error) => void,
  ) {
    this.#onAcknowledged = onAcknowledged;
    this.#onFailure = onFailure;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.once("connect", onOpen);
    this.#socket.on("data", (bytes: Buffer) => this.#receive(bytes));
    this.#socket.once("error", (error) => this.#fail(error));
    this.#socket.once("close", () => this.#fail(new Error("The server closed a connection that publishes.")));
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  leave(): void {
    this.#isOver = true;
    this.#socket.resetAndDestroy();
  }

  /** One request at a time means one answer at a time: there is never anything behind it. */
  #receive(bytes: Buffer): void {
    this.#text += bytes.toString("latin1");
    const head = this.#text.indexOf("\r\n\r\n");
    if (head < 0 || !isWhole(this.#text, head)) return;
    const status = Number(this.#text.slice(9, 12));
    if (status >= 200 && status < 300) {
      this.#text = "";
      this.#onAcknowledged();
    } else {
      this.#fail(new Error(`A publish was answered: ${this.#text.slice(0, 500)}`));
    }
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    this.#onFailure(error);
  }
}

function isWhole(text: string, head: number): boolean {
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
  if (length !== undefined) return text.length >= head + 4 + Number(length);
  return text.endsWith("\r\n0\r\n\r\n") || /^HTTP\/1\.1 204/.test(text);
}

export function httpBytes(
  { request }: HttpWay,
  channel: string,
  payloads: readonly string[],
  port: number,
): Buffer {
  const { path, type, body } = request(channel, payloads);
  const length = Buffer.byteLength(body);
  const head = `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
  return Buffer.from(head + body);
}

export function webSocketBytes(
  way: WebSocketWay,
  channel: string,
  payloads: readonly string[],
  slot: number,
): Buffer {
  return clientFrame(way.message(channel, payloads, slot));
}
