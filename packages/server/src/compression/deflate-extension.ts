import type { IncomingMessage } from "node:http";
import { constants, inflateRawSync } from "node:zlib";
import { acceptDeflate } from "@holdfast/protocol";
import type { WebSocket, WebSocketServer } from "ws";

const name = "permessage-deflate";

/** What the sender of a message left out. RFC 7692 §7.2.2. */
const syncTail = Buffer.of(0x00, 0x00, 0xff, 0xff);

type Inflated = (error: Error | null, inflated?: Buffer) => void;

/** The part of its own extension that the parser of `ws` calls. */
interface Extension {
  /** Takes a frame's payload; `done` must not be called before this has returned. */
  decompress(data: Buffer, isLast: boolean, done: Inflated): void;
  cleanup(): void;
}

/**
 * Inflates the messages of one client, each whole and alone, and keeps nothing in between. Rules ZIP-5, ZIP-6.
 *
 * That of `ws` would keep an inflater for each client from its first message on, which browsers deflate, to its end.
 */
class MessageInflater implements Extension {
  readonly #websocket: WebSocket;
  readonly #bytesMax: number;
  #fragments: Buffer[] | undefined;

  constructor(websocket: WebSocket, bytesMax: number) {
    this.#websocket = websocket;
    this.#bytesMax = bytesMax;
  }

  decompress(data: Buffer, isLast: boolean, done: Inflated): void {
    // Copied: it is a view of what came with it, and a fragment may wait long for the last one.
    if (!isLast) {
      this.#fragments ??= [];
      this.#fragments.push(Buffer.from(data));
    }
    // In a turn of its own: a client that sends many tiny messages in one piece must not hold up the others.
    setImmediate(() => {
      if (isLast) this.#inflate(data, done);
      else done(null, empty);
    });
  }

  #inflate(last: Buffer, done: Inflated): void {
    const deflated = Buffer.concat([...(this.#fragments ?? []), last, syncTail]);
    this.#fragments = undefined;
    let inflated: Buffer;
    try {
      inflated = inflateRawSync(deflated, {
        finishFlush: constants.Z_SYNC_FLUSH,
        maxOutputLength: this.#bytesMax,
        chunkSize: chunkBytes,
      });
    } catch (error) {
      // Closed here, with the outcome that fits: the parser knows none for errors that are not its own.
      const isTooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
      this.#websocket.close(isTooLarge ? 1009 : 1002);
      done(error as Error);
      return;
    }
    done(null, inflated);
  }

  cleanup(): void {
    this.#fragments = undefined;
  }
}

const empty = Buffer.alloc(0);

/** What clients say is mostly short; what is longer is inflated in several pieces. */
const chunkBytes = 1024;

/** Answers the offers of permessage-deflate in every handshake of an acceptor that does not do so itself. */
export function negotiateDeflate(acceptor: WebSocketServer): void {
  acceptor.on("headers", (headers, request) => {
    const accepted = acceptDeflate(request.headers["sec-websocket-extensions"]);
    if (accepted !== undefined) headers.push(`Sec-WebSocket-Extensions: ${accepted}`);
  });
}

/** Lets a WebSocket that agreed on permessage-deflate take what its client deflates; returns whether it did agree. */
export function extendDeflate(
  websocket: WebSocket,
  request: IncomingMessage,
  messageBytesMax: number,
): boolean {
  if (acceptDeflate(request.headers["sec-websocket-extensions"]) === undefined) return false;
  // Where `ws` keeps what it has negotiated, which its parser looks into with each message. It has no way to be given it.
  const { _extensions: extensions } = websocket as unknown as { _extensions: Record<string, Extension> };
  extensions[name] = new MessageInflater(websocket, messageBytesMax);
  return true;
}
