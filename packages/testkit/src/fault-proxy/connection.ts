import type { Socket } from "node:net";
import type { Faults, RequestHead, Way } from "./fault-proxy.ts";
import { Flow, reset } from "./flow.ts";
import { type Head, HeadFinder } from "./http-heads.ts";

/** One connection through the proxy. */
export class ProxiedConnection {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #faults: Faults;
  readonly #up: Flow;
  readonly #down: Flow;
  readonly #requests: HeadFinder = new HeadFinder();
  readonly #answers: HeadFinder;
  /** Requests that await their answer. */
  readonly #asked: RequestHead[] = [];
  /** Body bytes that are held back before any is passed on. */
  #hoard: { bytes: Buffer[]; left: number } | undefined;
  /** The requests seen, as `POST /connect`. */
  readonly requests: string[] = [];

  constructor(client: Socket, server: Socket, faults: Faults, over: () => void) {
    this.#client = client;
    this.#server = server;
    this.#faults = faults;
    this.#up = new Flow(client, server);
    this.#down = new Flow(server, client);
    this.#answers = new HeadFinder(() => this.#asked[0]?.method !== "HEAD");
    client.on("data", (bytes) => this.#upwards(bytes as Buffer));
    server.on("data", (bytes) => this.#downwards(bytes as Buffer));
    client.on("end", () => this.#endUp());
    server.on("end", () => this.#endDown());
    client.on("error", () => this.#up.abort());
    server.on("error", () => this.#down.abort());
    for (const socket of [client, server]) {
      socket.on("close", () => {
        if (client.destroyed && server.destroyed) over();
      });
    }
  }

  flow(way: Way): Flow {
    return way === "up" ? this.#up : this.#down;
  }

  /** Both sides are cut off: at once and with a reset, losing what is on its way. */
  cut(): void {
    this.#up.stop();
    this.#down.stop();
    reset(this.#client);
    reset(this.#server);
  }

  /** It stays open on both sides, and nothing passes any more: a dead peer that nobody was told of. */
  forsake(): void {
    this.#up.swallow();
    this.#down.swallow();
  }

  #upwards(bytes: Buffer): void {
    for (const piece of this.#requests.push(bytes)) {
      if (piece.is === "head") this.#ask(piece.head, piece.bytes);
      else this.#up.push(piece.bytes);
    }
  }

  #ask(head: Head, bytes: Buffer): void {
    const request = toRequest(head);
    this.requests.push(`${request.method} ${request.path}`);
    const verdict = this.#faults.verdict(request);
    if (verdict.do === "answer") {
      const body = `<html><title>${verdict.status}</title></html>`;
      const answer = `HTTP/1.1 ${verdict.status} Faulty\r\nContent-Type: text/html\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
      // The server is not to see anything of it, not even the body that may follow.
      this.#up.swallow();
      this.#client.end(answer + (request.method === "HEAD" ? "" : body));
      return;
    }
    if (request.isUpgrade) this.#requests.passRest();
    this.#asked.push(request);
    this.#up.push(bytes);
  }

  #downwards(bytes: Buffer): void {
    for (const piece of this.#answers.push(bytes)) {
      if (piece.is === "head") this.#answer(piece.head, piece.bytes);
      else this.#pass(piece.bytes);
    }
  }

  #answer(head: Head, bytes: Buffer): void {
    const status = Number(head.startLine.split(" ")[1]);
    const isInterim = status >= 100 && status < 200 && status !== 101;
    const request = isInterim ? this.#asked[0] : this.#asked.shift();
    const verdict = request && this.#faults.verdict(request);
    const isStream = head.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
    if (verdict?.do === "hoard" && isStream) {
      if (verdict.passHead) this.#down.push(bytes);
      this.#hoard = { bytes: verdict.passHead ? [] : [bytes], left: verdict.bytes };
      return;
    }
    this.#down.push(bytes);
    if (verdict?.do === "swallow" && status === 101) this.forsake();
  }

  #pass(bytes: Buffer): void {
    const hoard = this.#hoard;
    if (hoard === undefined) {
      this.#down.push(bytes);
      return;
    }
    hoard.bytes.push(bytes);
    hoard.left -= bytes.length;
    if (hoard.left <= 0) this.#spend();
  }

  #spend(): void {
    for (const bytes of this.#hoard?.bytes ?? []) this.#down.push(bytes);
    this.#hoard = undefined;
  }

  #endUp(): void {
    this.#up.push(this.#requests.rest());
    this.#up.end();
  }

  #endDown(): void {
    this.#pass(this.#answers.rest());
    // A proxy that buffers lets go when its upstream has ended.
    this.#spend();
    this.#down.end();
  }
}

function toRequest({ startLine, headers }: Head): RequestHead {
  const [method = "", path = ""] = startLine.split(" ");
  return {
    method,
    path,
    headers,
    isUpgrade: headers.get("upgrade")?.toLowerCase() === "websocket",
    isStream: headers.get("accept")?.includes("text/event-stream") ?? false,
  };
}
