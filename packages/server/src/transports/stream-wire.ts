import type { ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { lastChunk } from "@holdfast/protocol";
import type { ConnectionSocket } from "../attendance.ts";
import { LentSocket } from "../lent-socket.ts";

/** Called when what was written is out of this process, or never will be. */
export type Taken = (error?: Error | null) => void;

/** What an event stream is written to once it has begun. */
export interface StreamWire {
  /** Bytes that were taken and not sent. */
  readonly unsent: number;
  readonly socket: ConnectionSocket | undefined;
  readonly isWritable: boolean;
  /** Writes all in one go. */
  put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: Taken): void;
  /** What was written still goes out; then the stream ends. */
  end(): void;
  destroy(): void;
  /** The same, with what the system still holds for the client. */
  reset(): void;
  /** Calls back once when there is nobody at the other end any more. */
  onClose(run: () => void): void;
}

type Headers = Readonly<Record<string, string>>;

/** Whether a stream that answers this can be written in chunks to the socket itself: bytes that all streams share. */
export function takesChunks({ req, socket }: ServerResponse): boolean {
  // Behind another answer on the same connection it has no socket yet.
  return req.httpVersion === "1.1" && socket !== null;
}

/** Begins the stream that answers a request. The less of HTTP stays around the socket, the less a connection costs. */
export function openWire(response: ServerResponse, headers: Headers, isChunked: boolean): StreamWire {
  if (!isChunked) return new ResponseWire(response, headers);
  const socket: unknown = response.socket;
  if (socket instanceof LentSocket) return new SocketWire(socket, headers);
  return new ChunkedResponseWire(response, headers);
}

interface Writable {
  cork(): void;
  uncork(): void;
  write(bytes: Uint8Array, taken?: Taken): boolean;
}

/** Writes everything in one system call where the platform can. */
export function writeAll(
  to: Writable,
  first: Uint8Array,
  rest: readonly Uint8Array[] | undefined,
  taken?: Taken,
): void {
  if (rest === undefined) {
    to.write(first, taken);
    return;
  }
  to.cork();
  to.write(first);
  const last = rest.length - 1;
  for (const [index, bytes] of rest.entries()) to.write(bytes, index === last ? taken : undefined);
  to.uncork();
}

/** Ends a socket at once; what the system still holds for the peer is given up as well, where that can be. */
export function reset(socket: Duplex): void {
  if (socket instanceof Socket && !(socket instanceof TLSSocket)) socket.resetAndDestroy();
  else socket.destroy();
}

/** An answer as `node:http` and `node:http2` write it: HTTP/2, HTTP/1.0, and what waits behind another answer. */
class ResponseWire implements StreamWire {
  protected readonly response: ServerResponse;

  constructor(response: ServerResponse, headers: Headers) {
    this.response = response;
    response.writeHead(200, headers);
    response.flushHeaders();
  }

  get unsent(): number {
    return this.response.writableLength;
  }

  get socket(): ConnectionSocket | undefined {
    return this.response.socket ?? undefined;
  }

  get isWritable(): boolean {
    return !this.response.destroyed && !this.response.writableEnded;
  }

  put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: Taken): void {
    writeAll(this.response, first, rest, taken);
  }

  end(): void {
    this.response.end();
  }

  destroy(): void {
    this.response.destroy();
  }

  reset(): void {
    this.response.destroy();
  }

  onClose(run: () => void): void {
    this.response.once("close", run);
  }
}

/** An answer of a server that is somebody else's, or that speaks TLS: its head and its end are left to `node:http`, the chunks are ready made. */
class ChunkedResponseWire extends ResponseWire {
  readonly #socket: Socket;

  constructor(response: ServerResponse, headers: Headers) {
    super(response, { ...headers, "Transfer-Encoding": "chunked" });
    this.#socket = response.socket as Socket;
  }

  override get unsent(): number {
    return this.#socket.writableLength;
  }

  override put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: Taken): void {
    writeAll(this.#socket, first, rest, taken);
  }
}

/** The socket alone, taken back from `node:http`; nothing else is asked on it any more. */
class SocketWire implements StreamWire {
  readonly #socket: Socket;

  get socket(): ConnectionSocket {
    return this.#socket;
  }

  constructor(lent: LentSocket, headers: Headers) {
    const { socket, head } = lent.takeBack();
    this.#socket = socket;
    socket.on("error", ignore);
    socket.on("end", leave);
    // Nobody is listened to behind a stream that does not end; and who has closed his half has gone.
    socket.on("data", leave);
    if (head.length > 0) socket.unshift(head);
    socket.resume();
    // In one system call with what the stream begins with.
    socket.cork();
    socket.write(formatHead({ ...headers, Connection: "close", "Transfer-Encoding": "chunked" }));
    process.nextTick(() => socket.uncork());
  }

  get unsent(): number {
    return this.#socket.writableLength;
  }

  get isWritable(): boolean {
    return this.#socket.writable;
  }

  put(first: Uint8Array, rest: readonly Uint8Array[] | undefined, taken?: Taken): void {
    writeAll(this.#socket, first, rest, taken);
  }

  end(): void {
    this.#socket.end(lastChunk);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    reset(this.#socket);
  }

  onClose(run: () => void): void {
    this.#socket.on("close", run);
  }
}

/** The values have been in a header before, or are ours. RFC 9112 §4. */
function formatHead(headers: Headers): string {
  let head = `HTTP/1.1 200 OK\r\nDate: ${new Date().toUTCString()}\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  return `${head}\r\n`;
}

function ignore(): void {}

function leave(this: Socket): void {
  this.destroy();
}
