import type { IncomingMessage } from "node:http";
import { HoldfastError, quoted } from "@holdfast/protocol";
import { splitTarget } from "./exchange.ts";
import type { Proxies } from "./limits/proxies.ts";
import type { Access } from "./options.ts";

const loopbackHost = /^(?:localhost|(?:[^.]+\.)*localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i;
const loopbackAddress = /^(?:127\.|::1$|::ffff:127\.)/;

/** Whether a host name or address means this machine. */
export function isLoopbackHost(host: string): boolean {
  return loopbackHost.test(host);
}

/** Every browser says whom it means; what says nothing is none, and cannot be lured. */
function namesThisMachine(authority: string): boolean {
  return authority === "" || isLoopbackHost(authority.replace(/:\d+$/, ""));
}

function authorityOf({ headers, url = "/" }: IncomingMessage): string {
  // HTTP/2 has a pseudo-header instead. RFC 9112 §3.2.2.
  return String(splitTarget(url).authority ?? headers[":authority"] ?? headers.host ?? "");
}

/** Says which peers and which pages may come in, before anybody asks who they are. */
export class Origins {
  readonly #access: Access;
  readonly #listed: ReadonlySet<string>;
  readonly #proxies: Proxies;

  constructor(access: Access, listed: readonly string[], proxies: Proxies) {
    this.#access = access;
    this.#proxies = proxies;
    this.#listed = new Set(listed);
  }

  /**
   * Refuses a peer or page that may not come in, with `forbidden`; otherwise returns the headers that let a page of
   * another origin read the answer.
   */
  admit(request: IncomingMessage): Readonly<Record<string, string>> {
    if (this.#access === "loopback") refuseOtherMachines(request);
    const { origin } = request.headers;
    if (origin === undefined) return this.#access === "open" && this.#listed.size === 0 ? anyOrigin : varies;
    if (this.#listed.has(origin)) {
      return {
        ...readable,
        ...varies,
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": "true",
      };
    }
    if (this.#access === "open" && this.#listed.size === 0) return anyOrigin;
    if (this.#access === "loopback" && URL.canParse(origin) && isLoopbackHost(new URL(origin).hostname)) {
      return { ...readable, ...varies, "Access-Control-Allow-Origin": origin };
    }
    if (this.#isOwn(origin, request)) return varies;
    throw new HoldfastError(
      "forbidden",
      `Pages of ${quoted(origin)} may not use this node. Add that to "origins", or have the proxy pass the Host header on.`,
    );
  }

  /**
   * Refuses a request whose credential the browser itself may have added, with `forbidden`, unless a page that may come in
   * has asked for it: not every request of a foreign page says its origin. Rule AUTH-12.
   */
  vouch({ headers }: IncomingMessage): void {
    const site = headers["sec-fetch-site"];
    if (site === undefined || site === "same-origin" || site === "none") return;
    if (headers.origin !== undefined && this.#listed.has(headers.origin)) return;
    throw new HoldfastError(
      "forbidden",
      'A page of another origin may not have the browser send its cookie here. Add that origin to "origins", and fetch with CORS.',
    );
  }

  /**
   * Whether a page came from this very node. A page that came unencrypted can be anybody's on the way, so it is not a page
   * of a node that is reached over TLS, as far as that is known: by the connection itself, or from a trusted proxy.
   */
  #isOwn(origin: string, request: IncomingMessage): boolean {
    if (!URL.canParse(origin)) return false;
    const { protocol, host } = new URL(origin);
    if (this.#proxies.isSecure(request) === true && protocol !== "https:") return false;
    return host === hostIn(protocol, this.#proxies.forwardedHostOf(request) ?? authorityOf(request));
  }
}

function hostIn(scheme: string, authority: string): string | undefined {
  const url = `${scheme}//${authority}`;
  return URL.canParse(url) ? new URL(url).host : undefined;
}

const readable = { "Access-Control-Expose-Headers": "ETag, Retry-After, X-Request-Id" };
const anyOrigin = { ...readable, "Access-Control-Allow-Origin": "*" };
/** A cache must not give one origin's answer to another. */
const varies = { Vary: "Origin" };

/** What a preflight request is told beside the methods. */
export const preflightHeaders = {
  "Access-Control-Allow-Headers":
    "Authorization, Content-Type, Event-Key, Event-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID",
  "Access-Control-Max-Age": "7200",
};

/** A proxy on this machine hides who is really there, and a page that rebinds its name reaches us as itself. */
function refuseOtherMachines(request: IncomingMessage): void {
  const { remoteAddress } = request.socket;
  const { headers } = request;
  const forwarded = headers.forwarded ?? headers["x-forwarded-for"] ?? headers["x-real-ip"];
  const foreign =
    (remoteAddress !== undefined && !loopbackAddress.test(remoteAddress)) ||
    forwarded !== undefined ||
    !namesThisMachine(authorityOf(request));
  if (!foreign) return;
  throw new HoldfastError(
    "forbidden",
    'Without authentication this node serves its own machine alone. Configure "auth", or "open: true" for everybody.',
  );
}
