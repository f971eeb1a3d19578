import {
  type Draft,
  formatDraft,
  formatPublish,
  HoldfastError,
  isRecord,
  type PublishResult,
  utf8Length,
} from "@holdfast/protocol";
import { Backoff } from "./backoff.ts";
import type { Post, Posted, Turn } from "./effects.ts";
import type { ServerLimits } from "./link.ts";
import { earliest, type Timing } from "./timing.ts";

/** Where a publish is: not on its way, or on a link, or in a POST. */
type Place =
  | { readonly type: "waiting" }
  | { readonly type: "link"; readonly link: object }
  | { readonly type: "post" };

const waiting: Place = { type: "waiting" };

interface Pending {
  readonly ref: number;
  readonly channel: string;
  readonly drafts: readonly Draft[];
  readonly ifMatch: string | undefined;
  readonly expiresAt: number;
  place: Place;
  /** Whether it ever left, so that nobody can say that it was not published. */
  sent: boolean;
}

/**
 * The publishes that have no answer yet. They keep their order and their ids, whatever happens to the links, so that
 * each is in the log once. Rules CLI-4, ACK-2 and ACK-4.
 *
 * A channel's publishes go by one road at a time. One that was refused for a moment goes again before those of its
 * channel that have not left yet.
 */
export class Publishing {
  readonly #turn: Turn;
  readonly #timing: Timing;
  readonly #pendingMax: number;
  readonly #backoff: Backoff;
  /** By `ref`, which grows: so in order. */
  readonly #pending = new Map<number, Pending>();
  /** Those that wait, in order. */
  #queue: Pending[] = [];
  /** Channels of which a POST is on its way. */
  readonly #posting = new Set<string>();
  /** Channels that may not publish before a moment. */
  readonly #heldUntil = new Map<string, number>();
  #lastFailureAt = -Infinity;

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

  /** Whether something has not left yet. */
  get isWaiting(): boolean {
    return this.#queue.length > 0;
  }

  /** The oldest expires first, as all have the same time. */
  get deadline(): number {
    const oldest = this.#pending.values().next().value;
    return earliest(oldest?.expiresAt, ...this.#heldUntil.values());
  }

  /** Takes a publish whose drafts have ids. Throws `overloaded` when as many as allowed await their answer. */
  add(ref: number, channel: string, drafts: readonly Draft[], ifMatch: string | undefined): void {
    if (this.#pending.size >= this.#pendingMax) {
      throw new HoldfastError(
        "overloaded",
        `${this.#pendingMax} publishes await their answer. Wait for some of them before publishing more.`,
      );
    }
    const expiresAt = this.#turn.now + this.#timing.publishTimeoutMs;
    const one: Pending = { ref, channel, drafts, ifMatch, expiresAt, place: waiting, sent: false };
    this.#pending.set(ref, one);
    this.#queue.push(one);
  }

  /** Nobody awaits the answer any more. */
  forget(ref: number): void {
    const one = this.#pending.get(ref);
    if (one === undefined) return;
    this.#pending.delete(ref);
    if (one.place === waiting) this.#queue = this.#queue.filter((other) => other !== one);
  }

  /** Sends what waits on a WebSocket. */
  flushTo(link: { readonly id: number; readonly limits: ServerLimits | undefined }): boolean {
    const texts: string[] = [];
    this.#queue = this.#queue.filter((one) => {
      if (this.#posting.has(one.channel) || this.#heldUntil.has(one.channel)) return true;
      const text = formatPublish(one.ref, one.channel, one.drafts, one.ifMatch);
      const bytesMax = link.limits?.messageBytesMax ?? Infinity;
      if (isLonger(text, bytesMax)) {
        // Sent, it would cost the whole connection.
        this.#fail(
          one,
          new HoldfastError("too_large", `A publish exceeds the server's limit of ${bytesMax} bytes.`),
        );
        return false;
      }
      one.place = { type: "link", link };
      one.sent = true;
      texts.push(text);
      return false;
    });
    for (const text of texts) this.#turn.emit({ type: "send", link: link.id, text });
    return texts.length > 0;
  }

  /** The next POST of each channel: one at a time, or their order would be the network's. */
  nextPosts(): readonly { readonly ref: number; readonly channel: string; readonly post: Post }[] {
    const posts: { ref: number; channel: string; post: Post }[] = [];
    this.#queue = this.#queue.filter((one) => {
      const { ref, channel } = one;
      if (this.#posting.has(channel) || this.#heldUntil.has(channel)) return true;
      one.place = { type: "post" };
      one.sent = true;
      this.#posting.add(channel);
      posts.push({ ref, channel, post: toPost(one) });
      return false;
    });
    return posts;
  }

  /** A link has answered a publish. */
  published(ref: number, results: readonly PublishResult[]): void {
    const one = this.#pending.get(ref);
    if (one === undefined) return;
    if (results.length !== one.drafts.length) {
      throw new HoldfastError(
        "bad_message",
        `${one.drafts.length} events were published, ${results.length} answered.`,
      );
    }
    this.#pending.delete(ref);
    this.#turn.emit({ type: "published", ref, results });
  }

  /** A link or a POST refused a publish: tries again where that can help. */
  refused(ref: number, error: HoldfastError, delayMs?: number): void {
    const one = this.#pending.get(ref);
    if (one === undefined) return;
    if (error.retry === "never") this.#fail(one, error);
    else this.#holdBack(one, delayMs);
  }

  /** What came of a POST. */
  posted(ref: number, channel: string, posted: Posted): void {
    this.#posting.delete(channel);
    const one = this.#pending.get(ref);
    if (one === undefined) return;
    if (posted.type === "refused") {
      this.refused(ref, posted.error, posted.delayMs);
      return;
    }
    const results = posted.type === "answered" && isRecord(posted.json) ? posted.json["results"] : undefined;
    if (Array.isArray(results) && results.length === one.drafts.length)
      this.published(ref, results as PublishResult[]);
    else this.#holdBack(one);
  }

  /** A link is gone: what it had not answered goes again, in order and with the same ids. */
  linkLost(link: object): void {
    const again: Pending[] = [];
    for (const one of this.#pending.values()) {
      if (one.place.type === "link" && one.place.link === link) one.place = waiting;
      if (one.place === waiting) again.push(one);
    }
    this.#queue = again;
  }

  /** Things are well again: what was held back may go. */
  release(): void {
    this.#heldUntil.clear();
  }

  /** Gives up what nobody answered in time. */
  tick(): void {
    const { now } = this.#turn;
    for (const [channel, until] of this.#heldUntil) if (until <= now) this.#heldUntil.delete(channel);
    for (const one of this.#pending.values()) {
      if (one.expiresAt > now) break;
      const seconds = Math.round(this.#timing.publishTimeoutMs / 1000);
      const outcome = one.sent
        ? "It may or may not have been published; publishing it again with the same id is safe."
        : "It was not sent.";
      this.forget(one.ref);
      const error = new HoldfastError("timed_out", `No answer to a publish within ${seconds} s. ${outcome}`);
      this.#turn.emit({ type: "unpublished", ref: one.ref, error });
    }
  }

  /** Fails everything. */
  close(toError: (sent: boolean) => Error): void {
    for (const { ref, sent } of this.#pending.values()) {
      this.#turn.emit({ type: "unpublished", ref, error: toError(sent) });
    }
    this.#pending.clear();
    this.#queue = [];
    this.#heldUntil.clear();
  }

  #fail(one: Pending, error: HoldfastError): void {
    this.#pending.delete(one.ref);
    this.#turn.emit({ type: "unpublished", ref: one.ref, error });
  }

  #holdBack(one: Pending, delayMs?: number): void {
    const { now } = this.#turn;
    one.place = waiting;
    const at = this.#queue.findIndex((other) => other.ref > one.ref);
    this.#queue.splice(at === -1 ? this.#queue.length : at, 0, one);
    if (this.#heldUntil.has(one.channel)) return;
    this.#backoff.held(now - this.#lastFailureAt);
    this.#lastFailureAt = now;
    this.#heldUntil.set(one.channel, now + this.#backoff.next(delayMs));
  }
}

function toPost({ channel, drafts, ifMatch }: Pending): Post {
  return {
    path: `/channels/${encodeURIComponent(channel)}`,
    contentType: "application/x-ndjson",
    body: drafts.map((draft) => `${formatDraft(draft)}\n`).join(""),
    headers: ifMatch === undefined ? {} : { "If-Match": `"${ifMatch}"` },
  };
}

/** Whether the UTF-8 of a text exceeds a limit; counted only when its length leaves a doubt. */
function isLonger(text: string, bytesMax: number): boolean {
  return text.length * 3 > bytesMax && utf8Length(text) > bytesMax;
}
