import { type Cursor, type Draft, formatCursor, HoldfastError, type PublishResult } from "@holdfast/protocol";
import type { Hubs } from "./hubs.ts";
import type { Action, Principal } from "./principal.ts";
import type { Source } from "./publish-rates.ts";

/** Publishes in the name of a principal that may, and answers in the words of the wire. Rejects as `Hubs.publish` does. */
export async function publishAs(
  { user }: Principal,
  hubs: Hubs,
  channel: string,
  drafts: readonly Draft[],
  ifMatch?: Cursor,
): Promise<readonly PublishResult[]> {
  const signed = user === undefined ? drafts : drafts.map((draft) => ({ ...draft, from: user }));
  const { results } = await hubs.publish(channel, signed, ifMatch);
  return results.map(({ cursor, at, duplicate }) => ({ cursor: formatCursor(cursor), at, duplicate }));
}

/** What a session offers to what it publishes. */
export interface PublisherHost {
  readonly hubs: Hubs;
  readonly principal: Principal;
  readonly source: Source;
  demand(action: Action, channel: string): Promise<void>;
  published(ref: number, results: readonly PublishResult[]): void;
  refuse(error: unknown, about: { ref: number }): void;
}

const done = Promise.resolve();

/**
 * Publishes for one connection: the broker is called in the order of the requests, which it keeps, and answers are
 * told in that order too. No request waits for the acknowledgement of the one before it. Rule ACK-4.
 */
export class Publisher {
  readonly #host: PublisherHost;
  #lastCall: Promise<void> = done;
  #lastAnswer: Promise<void> = done;

  constructor(host: PublisherHost) {
    this.#host = host;
  }

  /**
   * Resolves when the request has been answered; never rejects. Rules ACK-1, PUB-3.
   *
   * What could not be read is given as its error, to be refused in its turn.
   */
  publish(
    ref: number,
    channel: string,
    drafts: readonly Draft[] | HoldfastError,
    ifMatch?: Cursor,
  ): Promise<void> {
    const host = this.#host;
    const permitted = this.#lastCall.then(() => host.demand("publish", channel));
    const answer = permitted
      .then(() => {
        if (drafts instanceof HoldfastError) throw drafts;
        host.hubs.spend(host.source, channel, drafts.length);
        return publishAs(host.principal, host.hubs, channel, drafts, ifMatch);
      })
      .then(
        (results) => () => host.published(ref, results),
        (error: unknown) => () => host.refuse(error, { ref }),
      );
    // The call is made as soon as it is permitted, before the next one asks.
    this.#lastCall = permitted.catch(() => {});
    this.#lastAnswer = Promise.all([answer, this.#lastAnswer]).then(([tell]) => tell());
    return this.#lastAnswer;
  }
}
