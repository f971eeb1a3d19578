import type { Hello, HoldfastError } from "@holdfast/protocol";
import type { Backoff } from "./backoff.ts";
import type { Credential } from "./credential.ts";
import { Demand } from "./demand.ts";
import type { Loss, Turn } from "./effects.ts";
import type { Incoming } from "./incoming.ts";
import type { Ladder, Transport } from "./ladder.ts";
import { Link, type Purpose } from "./link.ts";
import type { Recovery } from "./recovery.ts";
import { earliest, type Timing } from "./timing.ts";

/** What a lifeline needs of the connection that it serves. */
export interface LifelineHost {
  /** Puts on the link what it is to carry, and answers what it says first. */
  hello(link: Link): Hello;
  /** Whether the answer to a poll may be held back until there is news. */
  mayWait(): boolean;
  /** The link comes into use. */
  adopted(link: Link): void;
  /** The link went out of use. */
  dropped(link: Link): void;
  /** The server will not have this client as it is. */
  refused(error: HoldfastError): void;
}

interface Parts {
  readonly turn: Turn;
  readonly ladder: Ladder;
  readonly recovery: Recovery;
  readonly credential: Credential;
  readonly renewBackoff: Backoff;
  readonly timing: Timing;
  readonly toleranceMs: number;
  readonly host: LifelineHost;
}

const silence: Loss = { type: "failed", reason: "Nothing came in time." };

/**
 * Keeps a link to the server in use, whatever happens to it: opens, replaces, climbs and gives up links.
 *
 * There are never more than two: the one in use, and the one that replaces it as soon as it has answered.
 */
export class Lifeline {
  readonly #parts: Parts;
  readonly #demand: Demand;
  #current: Link | undefined;
  #coming: Link | undefined;
  /** Replace the link in use although nothing is wrong with what it carries. */
  #isDoubtful = false;
  /** The link in use is not replaced before this: the last try failed. */
  #renewAt = -Infinity;
  #wasLive = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#demand = new Demand(parts.timing.lingerMs);
  }

  /** The link in use. */
  get current(): Link | undefined {
    return this.#current;
  }

  get isIdle(): boolean {
    return this.#demand.phase === "idle";
  }

  /** Whether a link is in use that lives on by the token it has. */
  get isHeld(): boolean {
    return this.#current !== undefined && !this.#current.isPolled;
  }

  /** Whether it has been live since it was last idle. */
  get wasLive(): boolean {
    return this.#wasLive;
  }

  /** The transport in use, or the one to be tried next. */
  get transport(): Transport {
    return (this.#current ?? this.#parts.ladder).transport;
  }

  get #now(): number {
    return this.#parts.turn.now;
  }

  /** The link that the shell knows by this number, unless it is of the past. */
  find(id: number): Link | undefined {
    if (this.#coming?.id === id) return this.#coming;
    return this.#current?.id === id && this.#current.phase !== "resting" ? this.#current : undefined;
  }

  /** Opens what is to be opened and closes what nobody wants. Comes last in every turn. */
  settle(isWanted: boolean): void {
    const wasIdle = this.isIdle;
    this.#demand.update(isWanted, this.#current !== undefined, this.#now);
    if (this.#demand.phase === "wanted") {
      if (wasIdle) this.#parts.ladder.restart(this.#now);
      if (this.#current === undefined) this.#connect();
      else this.#keep(this.#current);
    } else if (this.isIdle && !wasIdle) {
      this.release();
    }
  }

  /** Closes everything. */
  release(): void {
    const { host, recovery } = this.#parts;
    for (const link of [this.#coming, this.#current]) if (link !== undefined) this.#close(link);
    if (this.#current !== undefined) host.dropped(this.#current);
    this.#coming = undefined;
    this.#current = undefined;
    this.#isDoubtful = false;
    this.#wasLive = false;
    this.#demand.end();
    recovery.clear();
  }

  #connect(): void {
    const { credential, ladder, recovery } = this.#parts;
    if (this.#coming !== undefined || recovery.attemptAt > this.#now || !credential.ready()) return;
    recovery.clear();
    this.#open(ladder.transport, "connect");
  }

  #keep(current: Link): void {
    const { credential, ladder } = this.#parts;
    const isPollDue = current.phase === "resting" && (current.stale || current.pollAt <= this.#now);
    if (isPollDue && credential.ready()) this.#poll(current);
    if (this.#coming !== undefined) return;
    if (this.#replaceAt(current) <= this.#now) {
      if (!credential.ready()) return;
      this.#isDoubtful = false;
      current.stale = false;
      this.#open(current.transport, "renew");
    } else if (ladder.climbAt <= this.#now && credential.ready()) {
      this.#open(ladder.climbTarget, "climb");
    }
  }

  /** When the link in use is to be replaced by another one of its kind. */
  #replaceAt(current: Link): number {
    if (current.phase === "resting") return Infinity;
    // A poll that is not held answers soon, and the next one says what has changed.
    const isStale = current.stale && (!current.isPolled || current.waitMs > 0);
    const askedAt = Math.min(current.reconnectAt ?? Infinity, current.replaceAt);
    const dueAt = isStale || this.#isDoubtful ? -Infinity : askedAt;
    return Math.max(dueAt, this.#renewAt);
  }

  #open(transport: Transport, purpose: Purpose): void {
    const { turn, timing } = this.#parts;
    this.#coming = new Link(turn.nextId(), transport, purpose, turn.now, timing);
    this.#request(this.#coming);
  }

  #poll(link: Link): void {
    const { turn, host } = this.#parts;
    link.ask(turn.nextId(), host.mayWait(), turn.now);
    this.#request(link);
  }

  #request(link: Link): void {
    const { turn, credential, host } = this.#parts;
    link.token = credential.token;
    const { id, transport, waitMs } = link;
    turn.emit({ type: "open", link: id, transport, hello: host.hello(link), waitMs });
  }

  /** A message came; called before anybody else looks at it. */
  heard(link: Link, message: Incoming | undefined): void {
    link.heard(this.#now);
    if (message?.type === "welcome") {
      link.welcomed(message.heartbeatMs, message.limits, this.#now);
      this.#parts.credential.proven(link.token);
      this.#parts.credential.lasts(link.token, message.expiresInMs);
    } else if (message?.type === "reconnect") {
      link.reconnectAt = this.#now + this.#parts.renewBackoff.given(message.delayMs);
    }
    if (link.mayPing(this.#now)) this.#ping(link);
  }

  #ping(link: Link): void {
    const message = link.codec.encode({ type: "ping" });
    this.#parts.turn.emit({ type: "send", link: link.id, message });
    link.sent(this.#now);
  }

  /** A message was looked at: the link that is to replace the other may have answered. */
  advance(link: Link): void {
    if (link !== this.#coming || link.phase !== "good") return;
    // What an answer to a poll holds is complete only at its end.
    const hasAnswered = !link.isPolled && link.awaiting === 0;
    if (this.#current === undefined || hasAnswered) this.#promote(link);
  }

  #promote(link: Link): void {
    const { host, ladder, recovery, renewBackoff } = this.#parts;
    const old = this.#current;
    this.#current = link;
    this.#coming = undefined;
    this.#isDoubtful = false;
    this.#wasLive = true;
    recovery.clear();
    renewBackoff.held(Infinity);
    ladder.worked(link.transport, this.#now);
    if (old !== undefined) {
      this.#close(old);
      host.dropped(old);
    }
    host.adopted(link);
  }

  #close(link: Link): void {
    if (link.phase !== "resting") this.#parts.turn.emit({ type: "close", link: link.id });
  }

  /** A poll was answered whole. */
  answered(link: Link, more: boolean): void {
    if (link.lastError !== undefined || link.phase !== "good") {
      this.lost(link, { type: "failed", reason: "The answer held no welcome." });
      return;
    }
    if (link === this.#coming) this.#promote(link);
    link.rest(more, this.#parts.toleranceMs, this.#now);
  }

  /** A link ended. */
  lost(link: Link, loss: Loss): void {
    const why: Loss = link.lastError === undefined ? loss : { type: "refused", error: link.lastError };
    if (link === this.#coming) this.#comingLost(link, why);
    else if (link === this.#current) this.#currentLost(link, why);
  }

  #currentLost(link: Link, loss: Loss): void {
    this.#current = undefined;
    this.#isDoubtful = false;
    this.#parts.host.dropped(link);
    if (loss.type === "refused" && !this.#mayRepeat(link, loss.error)) return;
    const { recovery, timing } = this.#parts;
    const heldMs = this.#now - (link.goodAt ?? this.#now);
    // A token that has had its time is renewed at once; one that is taken and then refused would be an endless loop.
    const isExpired = isUnauthenticated(loss) && heldMs >= timing.stableMs;
    const givenMs =
      link.reconnectAt === undefined ? delayOf(loss) : Math.max(0, link.reconnectAt - this.#now);
    recovery.lost(heldMs, isExpired ? 0 : givenMs);
  }

  #comingLost(link: Link, loss: Loss): void {
    const { ladder, recovery, renewBackoff } = this.#parts;
    this.#coming = undefined;
    if (loss.type === "refused" && !this.#mayRepeat(link, loss.error)) return;
    if (link.purpose === "climb") ladder.climbFailed(this.#now);
    if (this.#current !== undefined) {
      if (link.purpose === "climb") return;
      this.#current.stale = this.#current.transport !== "websocket" || this.#current.offerAt === Infinity;
      this.#renewAt = this.#now + renewBackoff.next(delayOf(loss));
    } else if (isUnauthenticated(loss)) {
      recovery.clear();
    } else if (loss.type === "refused" || link.goodAt !== undefined || link.purpose === "climb") {
      recovery.later(delayOf(loss));
    } else {
      recovery.investigate(loss === silence && link.phase === "accepted" ? "strong" : "weak");
    }
  }

  /** Whether the server may be asked again after this refusal. Rule CLI-9. */
  #mayRepeat(link: Link, error: HoldfastError): boolean {
    if (error.retry === "retry") return true;
    const { credential, host } = this.#parts;
    const final = error.retry === "reauthenticate" ? credential.refused(link.token, error) : error;
    if (final !== undefined) host.refused(final);
    return final === undefined;
  }

  /** Finds what died in silence. Rules CLI-5, CLI-6 and BEAT-4. */
  tick(): void {
    const coming = this.#coming;
    if (coming !== undefined && coming.deadAt <= this.#now) {
      this.#close(coming);
      this.#comingLost(coming, silence);
    } else if (coming !== undefined && this.#overdueAt(coming) <= this.#now) {
      this.#promote(coming);
    }
    const current = this.#current;
    if (current !== undefined && current.deadAt <= this.#now) {
      this.#close(current);
      this.#currentLost(current, silence);
    } else if (current !== undefined && current.pingAt <= this.#now) {
      this.#ping(current);
    }
    this.#parts.recovery.tick();
  }

  /** One channel that is slow to be answered must not keep two links open. */
  #overdueAt(coming: Link): number {
    if (coming.isPolled || coming.goodAt === undefined) return Infinity;
    return coming.goodAt + this.#parts.timing.firstByteTimeoutMs;
  }

  /** This link cannot be renewed in place: another of its kind replaces it, as soon as that has answered. */
  replace(link: Link): void {
    link.offerAt = Infinity;
    link.stale = true;
  }

  /** The machine slept, or the network changed (`surely`): what looks alive may be dead, and what failed may work. */
  wake(surely: boolean): void {
    this.#parts.recovery.hurry();
    const coming = this.#coming;
    if (coming !== undefined && coming.deadAt <= this.#now) {
      // It could not be answered in its time, which says nothing about it.
      this.#close(coming);
      this.#coming = undefined;
    }
    const current = this.#current;
    if (current === undefined) return;
    current.hurry(this.#now);
    const silentMs = this.#now - current.heardAt;
    if (current.phase === "resting" || (!surely && silentMs <= current.heartbeatMs)) return;
    current.verify(this.#now);
    if (current.transport === "websocket") this.#ping(current);
    // Make before break: the old one may be well after all.
    this.#isDoubtful = surely || current.transport !== "websocket" || silentMs > 2 * current.heartbeatMs;
    this.#renewAt = -Infinity;
  }

  /** When a newer token may be sent on the link again, where that has to wait. */
  #offerAt({ offerAt }: Link): number {
    return offerAt > this.#now ? offerAt : Infinity;
  }

  /** When `tick` is to be called at the latest. */
  get deadline(): number {
    const { credential, ladder, recovery } = this.#parts;
    const coming = this.#coming;
    const current = this.#current;
    const watched = [
      recovery.probeDeadAt,
      this.#demand.deadline,
      current?.deadAt,
      current?.pingAt,
      coming?.deadAt,
    ];
    if (coming !== undefined) watched.push(this.#overdueAt(coming));
    if (this.#demand.phase !== "wanted" || !credential.isReady) return earliest(...watched);
    if (current?.phase === "resting") watched.push(current.pollAt);
    if (coming !== undefined) return earliest(...watched);
    if (current === undefined) return earliest(...watched, recovery.attemptAt);
    return earliest(...watched, this.#replaceAt(current), this.#offerAt(current), ladder.climbAt);
  }
}

function delayOf(loss: Loss): number | undefined {
  return loss.type === "refused" ? loss.error.retryAfterMs : undefined;
}

function isUnauthenticated(loss: Loss): boolean {
  return loss.type === "refused" && loss.error.retry === "reauthenticate";
}
