import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { bundle } from "./bundle.ts";
import { withSamples } from "./samples.ts";

const mediaTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".map": "application/json",
  ".svg": "image/svg+xml",
};

interface Asset {
  readonly bytes: Uint8Array;
  readonly mediaType: string;
  readonly entityTag: string;
}

/** `policy` is what a browser keeps with the content, and takes anew only with that. */
function toAsset(name: string, content: string | Uint8Array, policy = ""): Asset {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const digest = createHash("sha256").update(bytes).update(policy).digest("base64url").slice(0, 22);
  return {
    bytes,
    mediaType: mediaTypes[extname(name)] ?? "application/octet-stream",
    entityTag: `"${digest}"`,
  };
}

/** The demo's page, made once at start and kept in memory. */
export class Site {
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #connectSources: readonly string[];

  private constructor(assets: ReadonlyMap<string, Asset>, connectSources: readonly string[]) {
    this.#assets = assets;
    this.#connectSources = connectSources;
  }

  /** `connectSources` are the origins beside its own to which the page may connect. */
  static async build(folder: string, connectSources: readonly string[]): Promise<Site> {
    const page = join(folder, "page");
    const assets = new Map<string, Asset>();
    const html = await readFile(join(page, "index.html"), "utf8");
    assets.set("/", toAsset("index.html", await withSamples(html, folder), connectSources.join(" ")));
    assets.set("/favicon.svg", toAsset("favicon.svg", await readFile(join(page, "favicon.svg"))));
    for (const [name, bytes] of await bundle(page)) assets.set(`/assets/${name}`, toAsset(name, bytes));
    return new Site(assets, connectSources);
  }

  /** Whether one of the page's files is at this path. */
  has(path: string): boolean {
    return this.#assets.has(path);
  }

  /** Answers a request for one of the page's files; false when it is for none. */
  serve(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const asset = this.#assets.get(path);
    if (asset === undefined || (request.method !== "GET" && request.method !== "HEAD")) return false;
    const headers = {
      "Content-Type": asset.mediaType,
      "Content-Length": asset.bytes.byteLength,
      ETag: asset.entityTag,
      "Cache-Control": "no-cache",
      "Content-Security-Policy": this.#policy(request.headers.host ?? ""),
      "X-Content-Type-Options": "nosniff",
      "Referrer-Policy": "no-referrer",
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Resource-Policy": "same-origin",
    };
    if (request.headers["if-none-match"] === asset.entityTag) {
      response.writeHead(304, { ETag: asset.entityTag, "Cache-Control": "no-cache" }).end();
    } else {
      response.writeHead(200, headers).end(request.method === "HEAD" ? undefined : asset.bytes);
    }
    return true;
  }

  #policy(host: string): string {
    // Not every browser counts a WebSocket to the page's own host as 'self'.
    const connect = ["'self'", `ws://${host}`, ...this.#connectSources];
    return [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self'",
      `connect-src ${connect.join(" ")}`,
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join("; ");
  }
}
