import {
  Agent,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
  request as sendRequest,
} from "node:http";
import { connect, type Socket } from "node:net";
import { pipeline, type Transform } from "node:stream";
import { isOwnHost } from "../own-host.ts";

/** What is done to the bytes on their way; nothing unless given. */
export interface Passage {
  /** Calls `pass` when the answer may be passed on. */
  hold?(response: ServerResponse, pass: () => void): void;
  /** What the server's bytes go through. */
  filter?(): Transform;
}

const straight: Passage = {};

/** The part of a reverse proxy that passes requests and upgrades on to the server that is there for them now. */
export class ReverseProxy {
  readonly #upstream: () => string;
  readonly #agent = new Agent({ keepAlive: true });

  /** `upstream` answers with the address to pass to, as in `http://127.0.0.1:49152`. */
  constructor(upstream: () => string) {
    this.#upstream = upstream;
  }

  /** Passes a request on; where no server answers, the connection is closed. */
  forward(request: IncomingMessage, response: ServerResponse, passage = straight): void {
    // The request itself lets go of its socket once it is answered.
    const { method, url: path, headers, socket } = request;
    if (!isOwnHost(headers.host)) {
      response.writeHead(403, { Connection: "close" }).end();
      return;
    }
    const { hostname, port } = new URL(this.#upstream());
    const upstream = sendRequest({ hostname, port, method, path, headers, agent: this.#agent });
    const fail = () => socket.destroy();
    response.once("close", () => upstream.destroy());
    upstream.on("error", fail);
    upstream.on("response", (answer) => {
      answer.on("error", fail);
      const pass = () => {
        response.writeHead(answer.statusCode ?? 502, withoutHop(answer.headers));
        response.flushHeaders();
        const filters = passage.filter === undefined ? [] : [passage.filter()];
        pipeline([answer, ...filters, response], (error) => error && fail());
      };
      if (passage.hold === undefined) pass();
      else passage.hold(response, pass);
    });
    pipeline(request, upstream, (error) => error && fail());
  }

  /** Passes an upgrade on, and whatever is said after it. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, passage = straight): void {
    if (!isOwnHost(request.headers.host)) {
      refuse(socket);
      return;
    }
    const { hostname, port } = new URL(this.#upstream());
    const upstream = connect(Number(port), hostname);
    upstream.setNoDelay(true);
    upstream.write(handshake(request));
    upstream.write(head);
    const filters = passage.filter === undefined ? [] : [passage.filter()];
    pipeline(socket, upstream, () => socket.destroy());
    pipeline([upstream, ...filters, socket], () => upstream.destroy());
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Refuses an upgrade. */
export function refuse(socket: Socket): void {
  socket.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
}

/** Whether the server keeps its connection is between it and the proxy. RFC 9110 §7.6.1. */
function withoutHop({ connection: _, "keep-alive": __, ...headers }: IncomingHttpHeaders) {
  return headers;
}

function handshake({ method, url, rawHeaders }: IncomingMessage): string {
  let text = `${method} ${url} HTTP/1.1\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  return `${text}\r\n`;
}
