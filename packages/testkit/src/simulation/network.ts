import type { Transport } from "@holdfast/core/client";
import { type Down, Line, type LineHost, type Obstacle, type Request } from "./line.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

export interface NetworkOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  /** Of one way of one line. */
  readonly delayMsMax: number;
  /** Gives a line to a node; false when there is none. */
  route(line: Line): boolean;
  /** Lets a test tamper with what arrives. */
  readonly down: ((item: Down, deliver: (item: Down) => void) => void) | undefined;
}

/** The transport that a request belongs to, as something on the way would tell it. */
const transportOf: Readonly<Record<Request["kind"], Transport | undefined>> = {
  websocket: "websocket",
  stream: "sse",
  answer: "long-poll",
  post: undefined,
  probe: undefined,
};

/** All lines between clients and nodes, and what stands in their way. Lines are apart from each other: only within one there is order. */
export class Network {
  readonly #options: NetworkOptions;
  readonly #host: LineHost;
  readonly #obstacles = new Map<string, Obstacle>();
  readonly #offline = new Set<string>();
  #lines: Line[] = [];
  #dialled = 0;

  constructor(options: NetworkOptions) {
    this.#options = options;
    const { timeline, random, delayMsMax } = options;
    this.#host = {
      timeline,
      delayMs: () => random.next() * delayMsMax,
      route: (line) => options.route(line),
      silenceMs: 30_000,
    };
  }

  dial(client: string, request: Request, receive: (item: Down) => void): Line {
    const { down } = this.#options;
    const transport = transportOf[request.kind];
    const obstacle = transport && this.#obstacles.get(`${client} ${transport}`);
    const hear = down === undefined ? receive : (item: Down) => down(item, receive);
    const line = new Line(this.#host, { id: this.#dialled++, client, request, obstacle }, hear);
    if (this.#offline.has(client)) line.cut({ client: true, server: true });
    else this.#lines.push(line);
    return line;
  }

  /** One of the lines there are. */
  line(which: number): Line | undefined {
    this.#lines = this.#lines.filter((line) => !line.isOver);
    return this.#lines[which % this.#lines.length];
  }

  block(client: string, transport: Transport, obstacle: Obstacle | undefined): void {
    if (obstacle === undefined) this.#obstacles.delete(`${client} ${transport}`);
    else this.#obstacles.set(`${client} ${transport}`, obstacle);
  }

  /** A device has no network any more, or has one again. */
  setOffline(client: string, isOffline: boolean): void {
    if (isOffline) this.#offline.add(client);
    else this.#offline.delete(client);
  }

  heal(): void {
    this.#obstacles.clear();
    this.#offline.clear();
    for (const line of this.#lines) {
      line.up.heal();
      line.down.heal();
    }
  }
}
