import type { Post } from "./effects.ts";
import { earliest } from "./timing.ts";

/**
 * Signals on their way over HTTP: one POST a channel at a time, and of those that wait the newest of each key, as a
 * signal replaces the one before it. Rule SIG-2.
 */
export class Signals {
  readonly #instance: string;
  readonly #keysMax: number;
  readonly #waiting = new Map<string, Map<string, unknown>>();
  readonly #posting = new Set<string>();
  /** Channels whose signals the server does not take before a moment. */
  readonly #heldUntil = new Map<string, number>();

  constructor(instance: string, keysMax: number) {
    this.#instance = instance;
    this.#keysMax = keysMax;
  }

  add(channel: string, key: string, data: unknown): void {
    const keys = this.#waiting.get(channel) ?? new Map<string, unknown>();
    this.#waiting.set(channel, keys);
    // Deleted first, so that the order is that of the newest.
    keys.delete(key);
    keys.set(key, data);
    const oldest = keys.keys().next().value;
    if (keys.size > this.#keysMax && oldest !== undefined) keys.delete(oldest);
  }

  get isWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** When something that is held back may go. */
  get deadline(): number {
    return earliest(...this.#heldUntil.values());
  }

  nextPosts(now: number): readonly { readonly channel: string; readonly post: Post }[] {
    const posts: { channel: string; post: Post }[] = [];
    for (const [channel, keys] of this.#waiting) {
      const next = keys.entries().next().value;
      if (this.#posting.has(channel) || this.#isHeld(channel, now) || next === undefined) continue;
      const [key, data] = next;
      keys.delete(key);
      if (keys.size === 0) this.#waiting.delete(channel);
      this.#posting.add(channel);
      posts.push({ channel, post: this.#toPost(channel, key, data) });
    }
    return posts;
  }

  #toPost(channel: string, key: string, data: unknown): Post {
    return {
      path: `/channels/${encodeURIComponent(channel)}/signals`,
      contentType: "application/json",
      body: JSON.stringify({ key, data, instance: this.#instance }),
      headers: {},
    };
  }

  #isHeld(channel: string, now: number): boolean {
    return now < (this.#heldUntil.get(channel) ?? -Infinity);
  }

  /** What was held back until now may go. */
  release(now: number): void {
    for (const [channel, until] of this.#heldUntil) if (until <= now) this.#heldUntil.delete(channel);
  }

  /** Whatever came of it: a signal is not sent twice. The next one waits where the server asked for that. */
  posted(channel: string, heldUntil?: number): void {
    this.#posting.delete(channel);
    if (heldUntil !== undefined) this.#heldUntil.set(channel, heldUntil);
  }

  clear(): void {
    this.#waiting.clear();
    this.#heldUntil.clear();
  }
}
