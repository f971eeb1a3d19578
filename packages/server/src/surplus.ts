import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest, Http2Session } from "node:http2";
import type { Socket } from "node:net";
import type { HoldfastError } from "@holdfast/protocol";
import { LentSocket } from "./lent-socket.ts";

/** Connections beyond a limit, which are told so: sockets, and sessions of HTTP/2. */
export class Surplus {
  readonly #refusals = new WeakMap<object, HoldfastError>();

  /** Whatever is asked on this connection is answered with that. */
  mark(connection: Socket | Http2Session, refusal: HoldfastError): void {
    this.#refusals.set(connection, refusal);
  }

  /** Throws the refusal of the connection on which this was asked, if it is one too many. */
  check(request: IncomingMessage): void {
    // The socket that HTTP/2 shows is a stand-in of its own for each request.
    const { session } = (request as unknown as Partial<Http2ServerRequest>).stream ?? {};
    const socket: unknown = request.socket;
    const connection = session ?? (socket instanceof LentSocket ? socket.original : request.socket);
    const refusal = this.#refusals.get(connection);
    if (refusal !== undefined) throw refusal;
  }
}
