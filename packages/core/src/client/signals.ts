import type { Post } from "./effects.ts";

/**
 * Signals on their way over HTTP: one POST a channel at a time, and of those that wait the newest of each key, as a
 * signal replaces the one before it. Rule SIG-2.
 */
export class Signals {
  readonly #instance: string;
  readonly #keysMax: number;
  readonly #waiting = new Map<string, Map<string, unknown>>();
  readonly #posting = new Set<string>();

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

  nextPosts(): readonly { readonly channel: string; readonly post: Post }[] {
    const posts: { channel: string; post: Post }[] = [];
    for (const [channel, keys] of this.#waiting) {
      const next = keys.entries().next().value;
      if (this.#posting.has(channel) || next === undefined) continue;
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

  /** Whatever came of it: a signal is not sent twice. */
  posted(channel: string): void {
    this.#posting.delete(channel);
  }

  clear(): void {
    this.#waiting.clear();
  }
}
