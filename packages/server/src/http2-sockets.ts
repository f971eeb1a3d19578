import type { Http2SecureServer, Http2Session, ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import { LentSocket } from "./lent-socket.ts";
import type { Node } from "./node.ts";

/** A TLS socket as `node:http2` is given it: as any other stream. */
class LentTlsSocket extends LentSocket {
  readonly alpnProtocol = "h2";
  readonly encrypted = true;
}

/** What `node:http2` puts around a stream that is no socket of its own. */
interface Wrapped {
  readonly stream?: LentTlsSocket;
  /** Where `node:net` keeps the peer's name once it has asked for it; a stream has nobody to ask. */
  _peername?: { readonly address: string | undefined; readonly port: number | undefined };
}

/**
 * Has a server speak HTTP/2 through Node's streams, and not on the handle of the TLS socket itself.
 *
 * There a client can end the whole process: of several connections that begin streams and take them back at once, one soon has a write
 * begun while another is under way, and Node 26.10 aborts (`TLSWrap::DoWrite`, `!current_write_`). Nothing in JavaScript can catch that.
 */
export function lendToHttp2(server: Http2SecureServer): void {
  const serveSecure = server.listeners("secureConnection");
  server.removeAllListeners("secureConnection");
  server.on("secureConnection", (socket: TLSSocket) => {
    const given: object = socket.alpnProtocol === "h2" ? new LentTlsSocket(socket) : socket;
    for (const serve of serveSecure) serve.call(server, given as TLSSocket);
  });
  server.on("session", ({ socket }: Http2Session) => {
    const wrapped = socket as Wrapped;
    const { stream } = wrapped;
    if (stream !== undefined) wrapped._peername = { address: stream.remoteAddress, port: stream.remotePort };
  });
}

/**
 * Ends connections of HTTP/2 on which nothing is asked: nothing at all in the time for headers, or no more for as long as a connection
 * is kept. Neither pings nor headers that never come to an end keep one open. Rules ERR-2, BND-2.
 */
export function endIdleSessions(server: Http2SecureServer, { deadlines, limits }: Node): void {
  server.on("session", (session: Http2Session) => {
    let streams = 0;
    const end = () => {
      session.close();
      // Who does not take its farewell is not waited for.
      cancel = deadlines.after(limits.headersTimeoutMs, () => session.destroy());
    };
    let cancel = deadlines.after(limits.headersTimeoutMs, end);
    const closed = () => {
      streams--;
      if (streams === 0 && !session.destroyed) cancel = deadlines.after(limits.keepAliveTimeoutMs, end);
    };
    session.on("stream", (stream: ServerHttp2Stream) => {
      cancel();
      streams++;
      stream.once("close", closed);
    });
    session.once("close", () => cancel());
  });
}
