import type { ChannelEvent, Client, SubscribeOptions, Subscription } from "@holdfast/client";
import { visitor } from "./visitor.ts";

type Options<Data> = Omit<SubscribeOptions<Data>, "onEvent" | "onEnd" | "onError" | "signal">;

/** Reads a channel for as long as the page is there; see `Following`. */
export function follow<Data = unknown>(
  client: Client,
  channel: string,
  options: Options<Data> = {},
): Following<Data> {
  return new Following(client, channel, options);
}

/** A reading of a channel that ends as its visitor is signed out, and goes on where it stood when they are back. */
export class Following<Data> implements AsyncIterable<ChannelEvent<Data>> {
  readonly #client: Client;
  readonly #channel: string;
  #options: Options<Data>;
  #subscription: Subscription<Data>;

  constructor(client: Client, channel: string, options: Options<Data>) {
    this.#client = client;
    this.#channel = channel;
    this.#options = options;
    this.#subscription = client.subscribe(channel, options);
  }

  /** Joins the channel as a member with this data. */
  join(data: unknown): void {
    this.#options = { ...this.#options, join: data };
    this.#subscription.join(data);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ChannelEvent<Data>, void> {
    for (;;) {
      try {
        yield* this.#subscription;
        return;
      } catch (error) {
        if (!isSignedOut(this.#client)) throw error;
      }
      await visitor.isBack;
      this.#subscription = this.#resume(this.#subscription.position);
    }
  }

  #resume(position: string | undefined): Subscription<Data> {
    const client = this.#client;
    const channel = this.#channel;
    const { last: _, ...options } = this.#options;
    if (position === undefined) return client.subscribe(channel, this.#options);
    // #region again
    // Signed in again: what came meanwhile is read first.
    return client.subscribe(channel, { ...options, after: position });
    // #endregion
  }
}

function isSignedOut({ state }: Client): boolean {
  return state.type === "closed" && state.reason.type === "reauthenticate";
}
