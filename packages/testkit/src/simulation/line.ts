import type { MessageForm } from "@holdfast/core/server";
import { Pipe } from "./pipe.ts";
import type { Timeline } from "./timeline.ts";

/** What a client asks of a node as it opens a line. */
export type Request =
  | { readonly kind: "websocket"; readonly form: MessageForm }
  | { readonly kind: "stream"; readonly hello: string }
  | { readonly kind: "answer"; readonly hello: string; readonly waitMs: number }
  | {
      readonly kind: "post";
      readonly path: string;
      readonly body: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly token: string | undefined;
    }
  | { readonly kind: "probe" };

/** What comes from the server's side. `reset`: the line is dead, and nobody of this protocol says why. */
export type Down =
  | { readonly is: "accepted" }
  | { readonly is: "bytes"; readonly bytes: Uint8Array }
  | { readonly is: "body"; readonly status: number; readonly text: string }
  | { readonly is: "closed"; readonly code: number; readonly reason: string }
  | { readonly is: "ended" }
  | { readonly is: "reset" };

type Up =
  | { readonly is: "request" }
  | { readonly is: "message"; readonly message: string | Uint8Array }
  | { readonly is: "fin" };

/** The server's side of a line. */
export interface ServerEnd {
  receive(message: string | Uint8Array): void;
  /** Some of what was written has left. */
  taken(): void;
  /** The client is gone, as far as the server can tell. */
  gone(): void;
}

/**
 * What stands in the way: a `swallowed` line is accepted and then silent, a `buffered` one holds back what streams
 * until it ends, a `refused` one is answered by a proxy.
 */
export type Obstacle = "swallowed" | "buffered" | "refused";

export interface LineHost {
  readonly timeline: Timeline;
  /** How long one way takes, drawn anew for each piece. */
  delayMs(): number;
  /** Gives the line to a node, by `answeredBy`; false when there is none. */
  route(line: Line): boolean;
  /** How long it takes a system to give up a peer of which nothing is heard. */
  readonly silenceMs: number;
}

/** A TCP connection, or one request over one: two pipes, that may live on when either side believes otherwise. */
export class Line {
  readonly id: number;
  /** Whose it is. */
  readonly client: string;
  readonly request: Request;
  readonly up: Pipe<Up>;
  readonly down: Pipe<Down>;
  readonly #host: LineHost;
  readonly #obstacle: Obstacle | undefined;
  #receive: ((item: Down) => void) | undefined;
  #server: ServerEnd | undefined;
  #isOver = false;

  constructor(
    host: LineHost,
    about: { id: number; client: string; request: Request; obstacle: Obstacle | undefined },
    receive: (item: Down) => void,
  ) {
    this.id = about.id;
    this.client = about.client;
    this.request = about.request;
    this.#obstacle = about.obstacle;
    this.#host = host;
    this.#receive = receive;
    const { timeline } = host;
    const delayMs = () => host.delayMs();
    this.up = new Pipe(timeline, delayMs, (item) => this.#upwards(item));
    this.down = new Pipe(timeline, delayMs, (item) => this.#downwards(item));
    this.up.send({ is: "request" });
  }

  /** Neither side has anything more to do with it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  toString(): string {
    return `${this.client}/${this.request.kind}${this.id}`;
  }

  /** A node takes the line. */
  answeredBy(server: ServerEnd): void {
    this.#server = server;
  }

  /** The client says something. */
  say(message: string | Uint8Array): void {
    this.up.send({ is: "message", message }, message.length);
  }

  /** The client closes the line; with `late` it still hears what was on its way, as from a line thought dead. */
  hangUp(late: boolean): void {
    if (!late) this.#receive = undefined;
    this.up.send({ is: "fin" });
  }

  /** The line dies, with everything on its way. Who is not told finds out by silence. */
  cut(told: { client: boolean; server: boolean }): void {
    const { timeline, silenceMs } = this.#host;
    this.up.break();
    this.down.break();
    if (told.client) timeline.after(this.#host.delayMs(), () => this.#receive?.({ is: "reset" }));
    timeline.after(told.server ? this.#host.delayMs() : silenceMs, () => this.#end());
  }

  #upwards(item: Up): void {
    switch (item.is) {
      case "request":
        this.#requested();
        return;
      case "message":
        this.#server?.receive(item.message);
        return;
      case "fin":
        this.down.break();
        this.#end();
        return;
    }
  }

  #requested(): void {
    if (this.#obstacle === "refused") {
      this.down.send({ is: "body", status: 502, text: "<html>Bad Gateway</html>" });
    } else if (!this.#host.route(this)) {
      this.down.send({ is: "reset" });
    }
  }

  #downwards(item: Down): void {
    if (item.is === "accepted" && this.#obstacle !== undefined) {
      this.down.hold("obstacle");
      if (this.#obstacle === "swallowed") this.up.hold("obstacle");
    }
    if (item.is !== "accepted" && item.is !== "bytes") this.#end();
    this.#server?.taken();
    this.#receive?.(item);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#server?.gone();
  }
}
