import {
  checkLabels,
  type Draft,
  formatDraft,
  HoldfastError,
  isRecord,
  type PublishResult,
  parseCursor,
  payloadBytes,
  utf8Length,
} from "@holdfast/protocol";
import { Backoff } from "./backoff.ts";
import type { Post, Posted, Turn } from "./effects.ts";
import type { Link } from "./link.ts";
import { type Pending, PublishLane } from "./publish-lane.ts";
import { earliest, type Timing } from "./timing.ts";

/** Publishes of one channel on their way together, in their order. */
interface Flight {
  readonly channel: string;
  readonly pending: readonly Pending[];
  /** The link that carries it, or a POST. */
  readonly road: Link | "post";
}

/** A publish that goes by POST; its outcome is told with this `ref`. */
export interface PublishPost {
  readonly ref: number;
  readonly post: Post;
}

/** What may go together before a server has said what it takes; in events. */
const togetherDefault = 100;

/**
 * The publishes that have no answer yet. They keep their order and their ids, whatever happens to the links, so that
 * each is in the log once. Rules CLI-4, ACK-2 and ACK-4.
 *
 * A channel has one message under way. What is published meanwhile waits, and then goes together: with several under
 * way, one that is refused for a moment would come after those that were not.
 */
export class Publishing {
  readonly #turn: Turn;
  readonly #timing: Timing;
  readonly #pendingMax: number;
  readonly #backoff: Backoff;
  /** By `ref`, which grows: so in order, and the oldest expires first. */
  readonly #pending = new Map<number, Pending>();
  readonly #lanes = new Map<string, PublishLane>();
  /** Channels with something to send and nothing in its way. */
  readonly #ready = new Set<string>();
  readonly #heldUntil = new Map<string, number>();
  /** By the `ref` of their first publish. */
  readonly #flights = new Map<number, Flight>();
  #lastFailureAt = -Infinity;
  #togetherMax = togetherDefault;

  constructor(turn: Turn, timing: Timing, random: () => number, pendingMax: number) {
    this.#turn = turn;
    this.#timing = timing;
    this.#pendingMax = pendingMax;
    // Far below the time that a publish has, so that it is tried several times.
    this.#backoff = new Backoff(timing, random, timing.publishTimeoutMs / 6);
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Whether something could leave. */
  get isReady(): boolean {
    return this.#ready.size > 0;
  }

  get deadline(): number {
    const oldest = this.#pending.values().next().value;
    return earliest(oldest?.expiresAt, ...this.#heldUntil.values());
  }

  /**
   * Takes a publish whose drafts have ids. Throws `overloaded` when as many as allowed await their answer, and
   * `bad_event` for a label that no codec would write, as later it would stop all that waits behind it.
   */
  add(ref: number, channel: string, drafts: readonly Draft[], ifMatch: string | undefined): void {
    if (this.#pending.size >= this.#pendingMax) {
      throw new HoldfastError(
        "overloaded",
        `${this.#pendingMax} publishes await their answer. Wait for some of them before publishing more.`,
      );
    }
    for (const draft of drafts) checkLabels(draft);
    const expiresAt = this.#turn.now + this.#timing.publishTimeoutMs;
    let bytes = 0;
    for (const { payload } of drafts) bytes += payloadBytes(payload);
    const one: Pending = {
      ref,
      channel,
      drafts,
      ifMatch,
      expiresAt,
      bytes,
      isAlone: ifMatch !== undefined,
      wasSent: false,
    };
    const lane = this.#lanes.get(channel) ?? new PublishLane();
    this.#lanes.set(channel, lane);
    this.#pending.set(ref, one);
    lane.append(one);
    this.#review(channel);
  }

  /** Nobody awaits the answer any more. */
  forget(ref: number): void {
    const one = this.#pending.get(ref);
    if (one === undefined) return;
    this.#pending.delete(ref);
    this.#lanes.get(one.channel)?.forget(one);
    for (const [first, flight] of this.#flights) {
      // What nobody awaits any more must not be in the way of what follows, nor be answered twice.
      if (flight.pending.includes(one) && !this.#isAwaited(flight)) this.#arrive(first, flight);
    }
    this.#review(one.channel);
  }

  #isAwaited({ pending }: Flight): boolean {
    return pending.some(({ ref }) => this.#pending.has(ref));
  }

  /** Sends what may leave on a WebSocket. */
  flushTo(link: Link): void {
    this.#togetherMax = link.limits?.publishEventsMax ?? togetherDefault;
    const bytesMax = link.limits?.messageBytesMax ?? Infinity;
    for (const channel of [...this.#ready]) {
      for (let pending = this.#next(channel); pending.length > 0; pending = this.#next(channel)) {
        const drafts = pending.flatMap((one) => one.drafts);
        const [{ ref, ifMatch } = { ref: 0, ifMatch: undefined }] = pending;
        const message = link.codec.encode({
          type: "publish",
          ref,
          channel,
          events: drafts,
          ...(ifMatch === undefined ? {} : { ifMatch: parseCursor(ifMatch) }),
        });
        if (!isLonger(message, bytesMax)) {
          this.#depart(channel, pending, link);
          this.#turn.emit({ type: "send", link: link.id, message });
          link.sent(this.#turn.now);
          break;
        }
        // Sent, it would cost the whole connection.
        const limit = `A publish exceeds the server's limit of ${bytesMax} bytes.`;
        this.#refuse(channel, pending, new HoldfastError("too_large", limit));
      }
    }
  }

  /** Sends what may leave as POSTs. */
  nextPosts(): readonly PublishPost[] {
    const posts: PublishPost[] = [];
    for (const channel of [...this.#ready]) {
      const pending = this.#next(channel);
      const [first] = pending;
      if (first === undefined) continue;
      this.#depart(channel, pending, "post");
      posts.push({ ref: first.ref, post: toPost(channel, pending) });
    }
    return posts;
  }

  #next(channel: string): readonly Pending[] {
    return this.#lanes.get(channel)?.next(this.#togetherMax) ?? [];
  }

  #depart(channel: string, pending: readonly Pending[], road: Flight["road"]): void {
    const [first] = pending;
    if (first === undefined) return;
    for (const one of pending) one.wasSent = true;
    this.#lanes.get(channel)?.depart(pending);
    this.#flights.set(first.ref, { channel, pending, road });
    this.#ready.delete(channel);
  }

  /** The server acknowledged a message. Throws `bad_message` when it acknowledged another number of events. */
  published(ref: number, results: readonly PublishResult[]): void {
    const flight = this.#flights.get(ref);
    if (flight === undefined) return;
    const count = flight.pending.reduce((sum, { drafts }) => sum + drafts.length, 0);
    if (results.length !== count) {
      throw new HoldfastError(
        "bad_message",
        `${count} events were published, ${results.length} acknowledged.`,
      );
    }
    this.#arrive(ref, flight);
    let from = 0;
    for (const { ref: each, drafts } of flight.pending) {
      const own = results.slice(from, from + drafts.length);
      from += drafts.length;
      if (this.#pending.delete(each)) this.#turn.emit({ type: "published", ref: each, results: own });
    }
    this.#review(flight.channel);
  }

  /** The server refused a message: tries again where that can help. */
  refused(ref: number, error: HoldfastError): void {
    const flight = this.#flights.get(ref);
    if (flight === undefined) return;
    this.#return(ref, flight);
    if (error.retry === "never") this.#refuse(flight.channel, flight.pending, error);
    else this.#hold(flight.channel, error.retryAfterMs);
  }

  /** What came of a POST. */
  posted(ref: number, posted: Posted): void {
    const flight = this.#flights.get(ref);
    if (flight === undefined) return;
    if (posted.type === "refused") {
      this.refused(ref, posted.error);
      return;
    }
    try {
      if (posted.type !== "answered") throw new HoldfastError("internal", "The answer was lost.");
      this.published(ref, resultsOf(posted.json));
    } catch {
      // An answer that is none leaves as much open as one that is lost.
      this.#return(ref, flight);
      this.#hold(flight.channel);
    }
  }

  /** A link is gone: what it had not answered goes again, in order and with the same ids. */
  linkLost(link: Link): void {
    for (const [ref, flight] of this.#flights) if (flight.road === link) this.#return(ref, flight);
  }

  /** Things are well again: what was held back may go. */
  release(): void {
    const held = [...this.#heldUntil.keys()];
    this.#heldUntil.clear();
    for (const channel of held) this.#review(channel);
  }

  /** Gives up what nobody answered in time. */
  tick(): void {
    const { now } = this.#turn;
    for (const [channel, until] of this.#heldUntil) {
      if (until > now) continue;
      this.#heldUntil.delete(channel);
      this.#review(channel);
    }
    for (const { ref, expiresAt, wasSent } of this.#pending.values()) {
      if (expiresAt > now) break;
      const seconds = Math.round(this.#timing.publishTimeoutMs / 1000);
      const outcome = wasSent
        ? "It may or may not have been published; publishing it again with the same id is safe."
        : "It was not sent.";
      this.forget(ref);
      const error = new HoldfastError("timed_out", `No answer to a publish within ${seconds} s. ${outcome}`);
      this.#turn.emit({ type: "unpublished", ref, error });
    }
  }

  /** Fails everything. */
  close(toError: (wasSent: boolean) => Error): void {
    for (const { ref, wasSent } of this.#pending.values()) {
      this.#turn.emit({ type: "unpublished", ref, error: toError(wasSent) });
    }
    for (const all of [this.#pending, this.#lanes, this.#ready, this.#heldUntil, this.#flights]) all.clear();
  }

  #arrive(ref: number, { channel }: Flight): void {
    this.#flights.delete(ref);
    this.#lanes.get(channel)?.arrive();
  }

  /** A message that was under way waits again, before what came after it. */
  #return(ref: number, flight: Flight): void {
    this.#arrive(ref, flight);
    const { channel, pending } = flight;
    this.#lanes.get(channel)?.prepend(pending.filter((one) => this.#pending.has(one.ref)));
    this.#review(channel);
  }

  /** The server will never take what waits first: one of them, if they are several, so each is to go alone. */
  #refuse(channel: string, pending: readonly Pending[], error: HoldfastError): void {
    const [first] = pending;
    if (first !== undefined && pending.length === 1) {
      this.forget(first.ref);
      this.#turn.emit({ type: "unpublished", ref: first.ref, error });
    }
    for (const one of pending) one.isAlone = true;
    this.#review(channel);
  }

  #hold(channel: string, delayMs?: number): void {
    const { now } = this.#turn;
    this.#backoff.held(now - this.#lastFailureAt);
    this.#lastFailureAt = now;
    this.#heldUntil.set(channel, now + this.#backoff.next(delayMs));
    this.#review(channel);
  }

  /** Whether the channel may send, after something about it changed. */
  #review(channel: string): void {
    const lane = this.#lanes.get(channel);
    if (lane?.isEmpty) {
      this.#lanes.delete(channel);
      this.#heldUntil.delete(channel);
    }
    if (lane?.isWaiting && !this.#heldUntil.has(channel)) this.#ready.add(channel);
    else this.#ready.delete(channel);
  }
}

function toPost(channel: string, pending: readonly Pending[]): Post {
  const lines = pending.flatMap(({ drafts }) => drafts.map((draft) => `${formatDraft(draft)}\n`));
  const ifMatch = pending[0]?.ifMatch;
  return {
    path: `/channels/${encodeURIComponent(channel)}`,
    contentType: "application/x-ndjson",
    body: lines.join(""),
    headers: ifMatch === undefined ? {} : { "If-Match": `"${ifMatch}"` },
  };
}

function resultsOf(json: unknown): readonly PublishResult[] {
  const results = isRecord(json) ? json["results"] : undefined;
  return Array.isArray(results) ? (results as PublishResult[]) : [];
}

/** Whether a message exceeds a limit; of a text the bytes are counted only when its length leaves a doubt. */
function isLonger(message: string | Uint8Array, bytesMax: number): boolean {
  if (typeof message !== "string") return message.length > bytesMax;
  return message.length * 3 > bytesMax && utf8Length(message) > bytesMax;
}
