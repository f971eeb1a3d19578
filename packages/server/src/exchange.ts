import type { IncomingMessage, ServerResponse } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { constants } from "node:http2";
import { type Bytes, HoldfastError, toHoldfastError } from "@holdfast/protocol";
import { askBack } from "./calm/ask-back.ts";
import { type Content, type Representation, represent } from "./compression/content.ts";
import type { Coding } from "./compression/content-coding.ts";
import { codedTag } from "./entity-tag.ts";
import type { Traffic } from "./metrics/traffic.ts";
import type { Node } from "./node.ts";
import { problemAnswer } from "./problem.ts";
import { logRefusal, requestIdOf } from "./request-log.ts";

/** The client went away before it was answered; there is nobody left to tell. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

type Headers = Readonly<Record<string, string>>;

export interface Target {
  readonly path: string;
  readonly query: string;
  /** The path that it means, with `{channel}` for a name; absent where it means none. */
  readonly route?: string;
  /** The host that the target itself names, which then counts instead of `Host`. */
  readonly authority?: string;
}

/** How long a client may take to notice that its body is not wanted. */
const lingerMs = 1000;

const absoluteForm = /^https?:\/\/([^/?#]*)/i;

/**
 * The parts of a request target, which a proxy may send in absolute form. RFC 9112 §3.2.
 *
 * Nothing of it is resolved or decoded: a path means here what it means to a proxy that looked at it as it stands.
 */
export function splitTarget(target: string): Target {
  const [prefix, authority] = target.startsWith("/") ? [] : (absoluteForm.exec(target) ?? []);
  const relative = prefix === undefined ? target : target.slice(prefix.length) || "/";
  const split = relative.indexOf("?");
  const path = split === -1 ? relative : relative.slice(0, split);
  const query = split === -1 ? "" : relative.slice(split + 1);
  return { path, query, ...(authority === undefined ? {} : { authority }) };
}

/** One request with its answer, over HTTP/1.1 or HTTP/2 alike. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: string;
  readonly query: string;
  readonly route: string;
  /** Where what is said and heard is counted. */
  traffic: Traffic;
  /** Set when what followed the body was no HTTP: the length may have been a lie. Rule POST-3. */
  isCorrupt = false;
  /** Set while the request before it on the same connection has no answer. */
  isWaiting = false;
  /** Set once it was answered that its connection ends: no request behind it is served. RFC 9112 §9.6. */
  isLast = false;
  /** Ends an answer that is complete, and lingers for the sake of a body that nobody wants. */
  #endLinger: (() => void) | undefined;
  readonly #node: Node;
  #headers: Headers = {};
  #isClosed = false;

  constructor(node: Node, request: IncomingMessage, response: ServerResponse, target: Target) {
    this.#node = node;
    this.request = request;
    this.response = response;
    this.path = target.path;
    this.query = target.query;
    this.route = target.route ?? "other";
    this.traffic = node.traffic.request;
    // Either fails when the client goes away, which is told by the close that follows.
    request.on("error", ignore);
    response.on("error", ignore);
    response.once("close", () => {
      this.#isClosed = true;
    });
  }

  get node(): Node {
    return this.#node;
  }

  get isHttp2(): boolean {
    return this.request.httpVersionMajor >= 2;
  }

  get isHead(): boolean {
    return this.request.method === "HEAD";
  }

  /** One header; a list is joined by commas. */
  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }

  /** Adds headers that every kind of answer to this request carries. */
  carry(headers: Headers): void {
    this.#headers = { ...this.#headers, ...headers };
  }

  /** The headers of an answer; those of `Vary` add up. */
  headersWith(headers: Headers): Headers {
    const vary = [this.#headers.Vary, headers.Vary].filter((one) => one !== undefined);
    return { ...this.#headers, ...headers, ...(vary.length === 0 ? {} : { Vary: vary.join(", ") }) };
  }

  /** Whether the client is no longer there. */
  get isGone(): boolean {
    return this.#isClosed;
  }

  /** Calls back once when the client goes away or has its answer, soon if it has; returns what cancels that. */
  onClose(run: () => void): () => void {
    if (this.#isClosed) queueMicrotask(run);
    this.response.once("close", run);
    return () => this.response.off("close", run);
  }

  /** Headers of an answer that depends on `Accept-Encoding`, also where it was not coded. RFC 9110 §12.5.5. */
  varied(headers: Headers): Headers {
    if (this.#node.compression === undefined) return headers;
    const vary = headers.Vary === undefined ? "" : `${headers.Vary}, `;
    return { ...headers, Vary: `${vary}Accept-Encoding` };
  }

  /** Answers 200 with content, coded as the client asks for it; what is long is answered later. Rules ZIP-8, ZIP-9. */
  answerContent(content: Content, headers: Headers = {}): void {
    const { compression } = this.#node;
    if (compression === undefined) {
      this.answer(200, content.bytes, headers);
      return;
    }
    const answer = ({ bytes, coding }: Representation) => {
      const varied = this.varied(headers);
      this.answer(200, bytes, coding === undefined ? varied : codedHeaders(varied, coding));
    };
    // Who asks for this may be a timer or a tick, to which an error would be nobody's.
    try {
      const chosen = represent(content, this.header("accept-encoding"), compression.settings);
      if (chosen instanceof Promise) chosen.then(answer).catch((error: unknown) => this.fail(error));
      else answer(chosen);
    } catch (error) {
      this.fail(error);
    }
  }

  answerJson(status: number, value: unknown, headers: Headers = {}): void {
    this.answer(status, JSON.stringify(value), headers);
  }

  /** Answers with a body of JSON text, or without one. */
  answer(status: number, body: string | Bytes | undefined, headers: Headers = {}): void {
    if (this.isGone || this.isCorrupt || this.response.headersSent) return;
    const { response } = this;
    const length = typeof body === "string" ? Buffer.byteLength(body) : body?.length;
    const isUnread = this.#hasUnreadBody();
    this.#node.meters.answered(this.route, status);
    if (length !== undefined) this.traffic.sent(1, length);
    const all = this.headersWith({
      "Cache-Control": "no-store",
      "X-Content-Type-Options": "nosniff",
      ...(length === undefined
        ? {}
        : { "Content-Type": "application/json", "Content-Length": String(length) }),
      ...headers,
      ...(!this.isHttp2 && (isUnread || this.#node.isLeaving) ? { Connection: "close" } : {}),
    });
    this.isLast = all.Connection === "close";
    response.writeHead(status, all);
    const sent = this.isHead ? undefined : body;
    if (!isUnread) {
      // In one write with the head: text even in one piece.
      response.end(sent);
    } else {
      if (sent !== undefined) response.write(sent);
      this.#endWithoutBody();
    }
    if (this.isHttp2 && this.#node.isLeaving) this.#endHttp2();
    // On one connection of HTTP/2 there may be hundreds of answers, each too small to matter by itself.
    const most = this.isHttp2 ? 0 : this.#node.limits.connectionBufferBytesMax;
    if (length !== undefined && length > most) this.#watch();
  }

  /** As `Connection: close` says it: what is asked next is asked on another connection. RFC 9113 §6.8. */
  #endHttp2(): void {
    const { stream } = this.response as unknown as { stream: ServerHttp2Stream };
    stream.session?.close();
  }

  /** A client that asks for much and takes nothing would keep it in memory for ever. Rule BND-1. */
  #watch(): void {
    const { deadlines, limits } = this.#node;
    const { response } = this;
    if (limits.stalledMsMax === 0) return;
    let left = response.writableLength;
    let cancel = () => {};
    const look = () => {
      if (response.writableLength === left) response.destroy();
      else watch();
    };
    const watch = () => {
      left = response.writableLength;
      cancel = deadlines.after(limits.stalledMsMax, look);
    };
    watch();
    this.onClose(() => cancel());
  }

  /** Answers with an outcome; once the answer has begun, ends it instead. `isStream`: a plain event stream was asked for. */
  fail(thrown: unknown, isStream = false): void {
    logRefusal(this.#node, this.request, this.path, thrown);
    if (this.response.headersSent) {
      this.response.destroy();
      return;
    }
    const error = toHoldfastError(thrown);
    this.traffic.refused(error.code);
    const asking = isStream ? askBack(error) : undefined;
    const { headers, body } = asking ?? problemAnswer(error);
    const id = requestIdOf(this.request, this.#node);
    this.answer(asking?.status ?? error.status, body, { ...headers, "X-Request-Id": id });
  }

  #hasUnreadBody(): boolean {
    const { request } = this;
    if (request.complete || request.readableEnded) return false;
    const { headers } = request;
    return (
      headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0 || this.isHttp2
    );
  }

  /**
   * Ends an answer whose request has a body that nobody wants. What is on its way is read and dropped for a moment:
   * a socket that is closed with unread bytes resets the connection, and the client never sees the answer.
   */
  #endWithoutBody(): void {
    const { request, response } = this;
    if (this.isHttp2) {
      const { stream } = response as unknown as { stream: ServerHttp2Stream };
      response.end(() => stream.close(constants.NGHTTP2_NO_ERROR));
      return;
    }
    if (request.headers.expect !== undefined) {
      response.end();
      return;
    }
    request.resume();
    const end = () => response.end();
    this.#endLinger = end;
    const cancel = this.#node.deadlines.after(lingerMs, end);
    request.once("end", end);
    this.onClose(cancel);
  }

  /** No more of the request can come. Returns whether all of its answer was written, and only waited for that. */
  endLinger(): boolean {
    this.#endLinger?.();
    return this.#endLinger !== undefined;
  }
}

function ignore(): void {}

function codedHeaders(headers: Headers, coding: Coding): Headers {
  const { ETag } = headers;
  return {
    ...headers,
    "Content-Encoding": coding,
    ...(ETag === undefined ? {} : { ETag: codedTag(ETag, coding) }),
  };
}

/** Throws when the client has left or what it sent was no HTTP. */
export function checkIntact(exchange: Exchange): void {
  if (exchange.isCorrupt) {
    throw new HoldfastError("bad_request", "What follows the body is no HTTP; is Content-Length too small?");
  }
  if (exchange.isGone) throw new ClientGone();
}
