import {
  type Clock,
  type Gate,
  Hubs,
  type NamespaceSettings,
  openGate,
  publishAs,
  type Session,
} from "@holdfast/core/server";
import {
  decodeClientMessage,
  type Hello,
  HoldfastError,
  type Limits,
  parseCursor,
  parseDraftText,
} from "@holdfast/protocol";
import type { Checker } from "../history/checker.ts";
import type { Change } from "./authority.ts";
import type { Guard } from "./guard.ts";
import type { Line, Request, ServerEnd } from "./line.ts";
import type { NodeBroker } from "./node-broker.ts";
import type { Random } from "./random.ts";
import { AnswerEnd, refuse, serveStream, serveWebSocket, type Timed } from "./server-ends.ts";
import type { Timeline } from "./timeline.ts";

/** What a node's configuration bounds its memory by. */
export interface Bounds {
  /** Bytes of a line beyond which its sink is full. */
  readonly sinkBytesMax: number;
  /** What a sink holds at most: that, one batch, and answers. */
  readonly lineBytesMax: number;
  /** A JSON answer. */
  readonly answerBytesMax: number;
  readonly channelsMax: number;
}

export interface NodeHost {
  readonly timeline: Timeline;
  readonly clock: Clock;
  readonly random: Random;
  readonly checker: Checker;
  readonly limits: Limits;
  readonly settings: NamespaceSettings;
  readonly bounds: Bounds;
  readonly brokerDeadlineMs: number;
  /** Lets a test break the node's side of a line. */
  end(end: ServerEnd): ServerEnd;
}

/** Sweeping deadlines in a real node is coarse as well. */
const sweepMs = 5;

/** The server's core as one process runs it, with ends of lines in the place of sockets. It lives once: a restart makes another. */
export class ServerNode {
  readonly index: number;
  readonly host: NodeHost;
  readonly broker: NodeBroker;
  readonly hubs: Hubs;
  /** Undefined: everybody may do everything. */
  readonly guard: Guard | undefined;
  isDraining = false;
  #isDead = false;
  readonly #timed = new Map<Session, Timed>();
  readonly #lines = new Set<Line>();
  #planned: { readonly at: number; readonly cancel: () => void } | undefined;
  #sweptAt = Number.NEGATIVE_INFINITY;
  #atTurnEnd: (() => void)[] = [];

  constructor(index: number, host: NodeHost, broker: NodeBroker, guard: Guard | undefined) {
    this.index = index;
    this.host = host;
    this.broker = broker;
    this.guard = guard;
    const { clock, limits, settings, timeline, random } = host;
    this.hubs = new Hubs({
      broker,
      clock,
      limits,
      settings: () => settings,
      // A turn of the event loop is short, and holds what came together.
      schedule: () => this.#live(random.next() * 2, () => this.hubs.flush()),
    });
    timeline.after(0, () => this.arm());
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get gate(): Gate {
    return this.guard ?? openGate;
  }

  /** Hears that somebody may do other things than before. */
  take(change: Change): void {
    if (!this.#isDead) this.guard?.take(change, this.#timed.keys());
  }

  #live(delayMs: number, run: () => void): void {
    this.host.timeline.after(delayMs, () => {
      if (!this.#isDead) run();
    });
  }

  /** Does something when this turn's deliveries have been made. */
  atTurnEnd(run: () => void): void {
    if (this.#atTurnEnd.length === 0) {
      this.#live(2, () => {
        const due = this.#atTurnEnd;
        this.#atTurnEnd = [];
        for (const one of due) one();
      });
    }
    this.#atTurnEnd.push(run);
  }

  enter(session: Session, timed: Timed): void {
    this.#timed.set(session, timed);
  }

  leave(session: Session): void {
    this.#timed.delete(session);
  }

  accept(line: Line): void {
    for (const known of this.#lines) if (known.isOver) this.#lines.delete(known);
    this.#lines.add(line);
    const { request } = line;
    if (request.kind === "websocket") {
      line.answeredBy(this.host.end(serveWebSocket(this, line, request.form)));
    } else if (request.kind === "probe") line.down.send({ is: "body", status: 200, text: "{}" });
    else this.#serve(line, request).catch((error: unknown) => this.#refuse(line, error));
  }

  #refuse(line: Line, error: unknown): void {
    if (!this.#isDead && !line.isOver) refuse(line, error);
  }

  async #serve(line: Line, request: Exclude<Request, { kind: "websocket" | "probe" }>): Promise<void> {
    const { gate } = this;
    if (request.kind === "post") return await this.#publish(line, request);
    const hello = helloOf(request.hello);
    const principal = await gate.authenticate(hello.token);
    if (this.#isDead || line.isOver) return;
    const end =
      request.kind === "stream"
        ? serveStream(this, line, hello, principal)
        : new AnswerEnd(this, line, { hello, principal, waitMs: request.waitMs });
    line.answeredBy(this.host.end(end));
  }

  async #publish(line: Line, request: Extract<Request, { kind: "post" }>): Promise<void> {
    const principal = await this.gate.authenticate(request.token);
    const channel = decodeURIComponent(request.path.slice("/channels/".length));
    const drafts = request.body
      .split("\n")
      .filter((text) => text !== "")
      .map((text) => parseDraftText(text));
    const ifMatch = request.headers["If-Match"];
    const condition = ifMatch === undefined ? undefined : parseCursor(ifMatch.slice(1, -1));
    const results = await publishAs(principal, this.hubs, channel, drafts, condition);
    if (this.#isDead || line.isOver) return;
    const text = JSON.stringify({ cursor: results.at(-1)?.cursor, results });
    line.down.send({ is: "body", status: 201, text });
  }

  /** Plans the next tick. To be called whenever something happened. */
  arm(): void {
    if (this.#isDead) return;
    let at = this.hubs.deadline;
    for (const { deadline } of this.#timed.values()) at = Math.min(at, deadline);
    at = Math.max(at, this.#sweptAt + sweepMs);
    if (this.#planned?.at === at) return;
    this.#planned?.cancel();
    this.#planned = undefined;
    if (at === Number.POSITIVE_INFINITY) return;
    this.#planned = { at, cancel: this.host.timeline.at(at, () => this.#sweep()) };
  }

  #sweep(): void {
    const { now } = this.host.timeline;
    this.#planned = undefined;
    if (this.#isDead) return;
    this.#sweptAt = now;
    if (this.hubs.deadline <= now) this.hubs.tick(now);
    for (const timed of [...this.#timed.values()]) if (timed.deadline <= now) timed.tick(now);
  }

  /** Asks every client to go elsewhere, each in its own time. */
  drain(withinMs: number): void {
    const { random } = this.host;
    this.isDraining = true;
    for (const session of [...this.#timed.keys()]) {
      // Who can go first is served until it has gone, or its time is over. Rules CALM-2, CALM-3, CALM-5.
      if (!session.moves) session.reconnect(random.below(withinMs), "drain");
      else this.#live(random.below(withinMs), () => session.move(random.below(100), "drain", withinMs / 2));
    }
  }

  /** The process is gone; `silent` when its machine went with it, so that nobody is told. */
  crash(silent: boolean): void {
    this.#isDead = true;
    this.broker.die();
    this.#planned?.cancel();
    for (const line of this.#lines) if (!line.isOver) line.cut({ client: !silent, server: false });
  }

  /** Holds what the node keeps against its bounds. Rules BND-1, BND-2. */
  checkBounds(): void {
    const { checker, settings, bounds } = this.host;
    const { hubs, tailEvents, readers } = this.hubs.stats();
    let subscriptions = 0;
    for (const session of this.#timed.keys()) subscriptions += session.subscriptions;
    checker.bound(() => `the hubs of node ${this.index}`, hubs, bounds.channelsMax);
    checker.bound(() => `the tails of node ${this.index}`, tailEvents, hubs * settings.tailEventsMax);
    checker.bound(() => `the readers of node ${this.index}`, readers, subscriptions);
    checker.bound(() => `the followings of node ${this.index}`, this.broker.followings, bounds.channelsMax);
  }

  get sessions(): number {
    return this.#timed.size;
  }
}

function helloOf(text: string): Hello {
  const message = decodeClientMessage(text);
  if (message.type === "hello") return message;
  throw new HoldfastError("bad_message", 'The body of /connect is "hello".');
}
