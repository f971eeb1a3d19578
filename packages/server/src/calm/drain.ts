import type { Session } from "@holdfast/core/server";
import type { Node } from "../node.ts";
import { inTurn, pause, stepMs, turn } from "./in-turn.ts";

export interface CloseOptions {
  /**
   * How long readiness is red while everything is still served, in ms, so that a load balancer sends nobody more. Unless
   * given: 5,000 where somebody asked for readiness within the last minute, else 0, as then nobody would notice.
   */
  readonly noticeMs?: number;
  /** Over how many ms the clients are let go, one after the other; 0 lets all go at once. 5 for each, up to 15,000, unless given. */
  readonly spreadMs?: number;
  /** When what is still there is cut off, in ms after the notice. 20,000 unless given. */
  readonly deadlineMs?: number;
}

/** How far a node has come with letting its clients go. */
export interface DrainStats {
  /** `notice`: readiness is red. `turns`: one after the other is asked to go. `last`: whoever is left is let go. */
  readonly phase: "notice" | "turns" | "last";
  /** Clients when the first was let go, and those of them that are still here. */
  readonly clients: number;
  readonly left: number;
}

const noticeMsDefault = 5000;
export const deadlineMsDefault = 20_000;
const spreadPerLinkMs = 5;
const spreadMsMax = 15_000;
/** The rest of the time is for those who are left at the end of it. */
const turnsShare = 0.75;
/** Whoever was asked to go has this long to do so once the last has been asked. */
const moveGraceMs = 2000;
/** By then whoever was asked to go has tried. */
const triedMs = 500;
/** From so many on it is believed that what they met elsewhere is what everybody would meet. */
const telling = 20;
/** Those who have no connection meanwhile come back at a time between this and twice as much. */
const awayMs = 1000;
const farewellPollMs = 20;

/** How long a notice is, where there is somebody who would notice, or nobody. */
export function noticeMsOf({ noticeMs }: CloseOptions, isWatched: boolean): number {
  return noticeMs ?? (isWatched ? noticeMsDefault : 0);
}

/** One exit of a node: what is to be let go, and until when. */
export class Drain {
  readonly #node: Node;
  readonly #how: CloseOptions;
  readonly #hurry = new AbortController();
  #phase: DrainStats["phase"] = "notice";
  #clients = 0;
  #deadline = Number.POSITIVE_INFINITY;

  constructor(node: Node, how: CloseOptions) {
    this.#node = node;
    this.#how = how;
  }

  get stats(): DrainStats {
    return { phase: this.#phase, clients: this.#clients, left: this.#node.attendance.size };
  }

  /** Waits out no more of the notice, and of the turns of those who are left. */
  hurry(): void {
    this.#hurry.abort();
  }

  get isLate(): boolean {
    return performance.now() >= this.#deadline;
  }

  /** Milliseconds until what is left is cut off. */
  get remainingMs(): number {
    return Math.max(0, this.#deadline - performance.now());
  }

  /** Readiness is red, and everything is served as before. Rule CALM-1. */
  async notice(): Promise<void> {
    const { readiness } = this.#node;
    await pause(noticeMsOf(this.#how, readiness.isWatched), this.#hurry.signal);
    this.#deadline = performance.now() + this.#deadlineMs;
  }

  get #deadlineMs(): number {
    return this.#how.deadlineMs ?? deadlineMsDefault;
  }

  #spreadFor(links: number): number {
    const { spreadMs } = this.#how;
    const longest = this.#deadlineMs * turnsShare;
    return Math.min(spreadMs ?? Math.min(spreadMsMax, links * spreadPerLinkMs), longest);
  }

  /** Lets one after the other go; those who can go elsewhere first do so. Rules CALM-2, CALM-3, CALM-5. */
  async letGoInTurn(): Promise<void> {
    this.#phase = "turns";
    const node = this.#node;
    const waiters = [...node.attendance.waiters];
    const sessions = [...node.attendance.links].map(({ session }) => session);
    const members = [...waiters, ...sessions];
    this.#clients = members.length;
    const spreadMs = this.#spreadFor(members.length);
    if (spreadMs === 0) return;
    const told: Told[] = [];
    const before = node.turnedAway;
    const end = this.#deadline - this.#deadlineMs * (1 - turnsShare);
    const isOver = () =>
      this.#hurry.signal.aborted ||
      performance.now() >= end ||
      hasNowhereToGo(told, node.turnedAway - before, sessions.length);
    await inTurn(
      members,
      spreadMs,
      (member) => {
        if ("drain" in member) member.drain();
        else if (!member.moves) member.move(Math.round(awayMs * (1 + Math.random())), "drain", 0);
        else {
          told.push({ session: member, at: performance.now() });
          member.move(Math.round(Math.random() * stepMs), "drain", this.remainingMs);
        }
      },
      isOver,
    );
    const until = performance.now() + moveGraceMs;
    while (!isOver() && performance.now() < until && told.some(isHere)) await pause(farewellPollMs);
  }

  /**
   * Lets everybody go who is left: publishes are answered first, held answers are sent, and each is told when to come back, at
   * times that spread evenly. Rule CALM-7.
   */
  async letGoTheRest(): Promise<void> {
    this.#phase = "last";
    const node = this.#node;
    for (const waiter of [...node.attendance.waiters]) waiter.drain();
    const links = [...node.attendance.links];
    const spread = this.#how.spreadMs ?? Math.max(1000, this.#spreadFor(links.length));
    const left = links.map(({ session }, index): Left => {
      session.holdInput(true);
      // One client to each slice of the time, somewhere in it.
      const delayMs = Math.round(((index + Math.random()) / links.length) * spread);
      return { session, delayMs, isQuiet: false };
    });
    await this.#letGoAnswered(left);
    while (node.publishing > 0 && !this.isLate) await pause(farewellPollMs);
  }

  /** Lets each go once what it has asked for is answered, or when it is late: nobody waits for the answers of others. */
  async #letGoAnswered(all: readonly Left[]): Promise<void> {
    let left = all;
    while (left.length > 0) {
      await turn();
      const busy: Left[] = [];
      for (const [index, one] of left.entries()) {
        // Looked at twice: what one answer lets go may be the next request of the same connection.
        const wasQuiet = one.isQuiet;
        one.isQuiet = !one.session.isBusy;
        if ((wasQuiet && one.isQuiet) || this.isLate) one.session.reconnect(one.delayMs, "drain");
        else busy.push(one);
        // A thousand are enough for one turn: other sockets wait as well.
        if (index % 1000 === 999) await turn();
      }
      left = busy;
      if (left.length > 0 && !left.some(({ isQuiet }) => isQuiet)) await pause(farewellPollMs);
    }
  }

  /** Resolves when everybody who was told to go has gone; at the deadline the rest is cut. Returns how many were. */
  async seeOff(): Promise<number> {
    const { farewells } = this.#node;
    while (farewells.size > 0 && !this.isLate) await pause(farewellPollMs);
    return farewells.cut();
  }
}

/** Who is to be let go, and told when to come back. */
interface Left {
  readonly session: Session;
  readonly delayMs: number;
  /** Nothing that it had asked for was unanswered when it was looked at last. */
  isQuiet: boolean;
}

/** Who was asked to go, and when. */
interface Told {
  readonly session: Session;
  readonly at: number;
}

function isHere({ session }: Told): boolean {
  return !session.isClosed;
}

/** Whether those who were asked to go came back here: no other node answers, and waiting for that would help nobody. */
function hasNowhereToGo(told: readonly Told[], turnedAway: number, sessions: number): boolean {
  if (turnedAway === 0) return false;
  const before = performance.now() - triedMs;
  const tried = told.filter(({ at }) => at <= before);
  if (tried.length === 0 || tried.length < Math.min(telling, sessions)) return false;
  const most = 0.9 * tried.length;
  return turnedAway >= most && tried.filter(isHere).length >= most;
}
