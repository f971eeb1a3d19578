import type { HoldfastError } from "@holdfast/protocol";
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
  readonly #signals: Signals;
  readonly #errands = new Map<number, Errand>();

  constructor(turn: Turn, publishing: Publishing, instance: string) {
    this.#turn = turn;
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
    for (const { channel, post } of this.#signals.nextPosts()) {
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
    if (errand.type === "signal") this.#signals.posted(errand.channel);
    else this.#publishing.posted(errand.ref, posted);
    const isUnauthenticated = posted.type === "refused" && posted.error.retry === "reauthenticate";
    return isUnauthenticated ? { token: errand.token, error: posted.error } : undefined;
  }

  clear(): void {
    this.#errands.clear();
    this.#signals.clear();
  }
}
