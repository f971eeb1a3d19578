import type { HoldfastError } from "@holdfast/protocol";
import type { Backoff } from "./backoff.ts";
import type { Credential } from "./credential.ts";
import type { Post, Posted, Turn } from "./effects.ts";
import type { Publishing } from "./publishing.ts";
import { Signals } from "./signals.ts";

/** What a POST carries, and as whom it was sent. */
type Errand = { readonly token: string | undefined } & (
  | { readonly type: "publish"; readonly ref: number }
  | { readonly type: "signal"; readonly channel: string }
);

/** The POSTs on their way: publishes and signals where no link carries them. Rule SES-3. */
export class Posts {
  readonly #turn: Turn;
  readonly #publishing: Publishing;
  readonly #backoff: Backoff;
  readonly #signals: Signals;
  readonly #errands = new Map<number, Errand>();

  constructor(turn: Turn, publishing: Publishing, backoff: Backoff, instance: string) {
    this.#turn = turn;
    this.#backoff = backoff;
    this.#publishing = publishing;
    this.#signals = new Signals(instance, 100);
  }

  signal(channel: string, key: string, data: unknown): void {
    this.#signals.add(channel, key, data);
  }

  flushPublishes(credential: Credential): void {
    if (!this.#publishing.isReady || !credential.ready()) return;
    for (const { ref, post } of this.#publishing.nextPosts()) {
      this.#send(post, { type: "publish", ref, token: credential.token });
    }
  }

  flushSignals(credential: Credential): void {
    if (!this.#signals.isWaiting || !credential.ready()) return;
    for (const { channel, post } of this.#signals.nextPosts(this.#turn.now)) {
      this.#send(post, { type: "signal", channel, token: credential.token });
    }
  }

  #send(post: Post, errand: Errand): void {
    const id = this.#turn.nextId();
    this.#errands.set(id, errand);
    this.#turn.emit({ type: "post", post: id, token: errand.token, ...post });
  }

  /** What came of a POST. Answers with the token that was refused, and why. */
  posted(id: number, posted: Posted): { token: string | undefined; error: HoldfastError } | undefined {
    const errand = this.#errands.get(id);
    if (errand === undefined) return undefined;
    this.#errands.delete(id);
    if (errand.type === "signal") this.#signals.posted(errand.channel, this.#heldUntil(posted));
    else this.#publishing.posted(errand.ref, posted);
    const isUnauthenticated = posted.type === "refused" && posted.error.retry === "reauthenticate";
    return isUnauthenticated ? { token: errand.token, error: posted.error } : undefined;
  }

  #heldUntil(posted: Posted): number | undefined {
    const delayMs = posted.type === "refused" ? posted.error.retryAfterMs : undefined;
    return delayMs === undefined ? undefined : this.#turn.now + this.#backoff.given(delayMs);
  }

  /** When signals that the server did not take may go. */
  get deadline(): number {
    return this.#signals.deadline;
  }

  tick(): void {
    this.#signals.release(this.#turn.now);
  }

  clear(): void {
    this.#errands.clear();
    this.#signals.clear();
  }
}
