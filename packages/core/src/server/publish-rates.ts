import { HoldfastError, type Limits } from "@holdfast/protocol";
import { type Rate, Rates } from "./rates.ts";

/** Who publishes, as far as that is counted. */
export interface Source {
  readonly user?: string | undefined;
  /** Counts where there is no user. */
  readonly address?: string | undefined;
}

export interface PublishRatesOptions {
  readonly limits: Limits;
  /** How many events the channels of a namespace take in a second, where it has a rate of its own. */
  perSecondOf(channel: string): number | undefined;
  /** Yields numbers from 0 up to, but not including, 1. */
  random(): number;
}

/** Those who wait for the same bucket come back one after the other. */
const spreadMs = 250;

/** How often users and channels may publish. Rule LIM-1. */
export class PublishRates {
  readonly #options: PublishRatesOptions;
  readonly #ofUser: Rate;
  readonly #users: Rates;
  readonly #channels: Rates;

  constructor(options: PublishRatesOptions) {
    const { publishesPerUserPerSecond, rateBurstMs, rateKeysMax } = options.limits;
    this.#options = options;
    this.#ofUser = { perSecond: publishesPerUserPerSecond, burstMs: rateBurstMs };
    this.#users = new Rates(rateKeysMax);
    this.#channels = new Rates(rateKeysMax);
  }

  /**
   * Counts what is to be published, all of it or nothing. Returns why that may not be now, `rate_limited` with the time to
   * wait, where it may not.
   *
   * `channel` is undefined for a signal, which is not in the channel's log and counts for its user alone.
   */
  take(source: Source, channel: string | undefined, events: number, now: number): HoldfastError | undefined {
    const user = this.#ofUser.perSecond === 0 ? undefined : keyOf(source);
    const userMs = user === undefined ? 0 : this.#users.wait(user, events, this.#ofUser, now);
    if (userMs > 0) return this.#refuse("publishesPerUserPerSecond", this.#ofUser, userMs);
    const ofChannel = channel === undefined ? undefined : this.#rateOf(channel);
    if (channel !== undefined && ofChannel !== undefined) {
      const channelMs = this.#channels.wait(channel, events, ofChannel, now);
      if (channelMs > 0) return this.#refuse("publishesPerChannelPerSecond", ofChannel, channelMs);
      this.#channels.take(channel, events, ofChannel, now);
    }
    if (user !== undefined) this.#users.take(user, events, this.#ofUser, now);
    return undefined;
  }

  #rateOf(channel: string): Rate | undefined {
    const { limits, perSecondOf } = this.#options;
    const perSecond = perSecondOf(channel) ?? limits.publishesPerChannelPerSecond;
    return perSecond === 0 ? undefined : { perSecond, burstMs: limits.rateBurstMs };
  }

  #refuse(limit: keyof Limits, { perSecond }: Rate, waitMs: number): HoldfastError {
    const whose = limit === "publishesPerUserPerSecond" ? "One user" : "This channel";
    return new HoldfastError(
      "rate_limited",
      `${whose} publishes at most ${perSecond} events a second here.`,
      {
        limit,
        retryAfterMs: Math.ceil(waitMs + this.#options.random() * spreadMs),
      },
    );
  }

  /** The clock was set: nobody waits for a time that was another. */
  clear(): void {
    this.#users.clear();
    this.#channels.clear();
  }
}

/** Nobody can be an address by the name that it gives itself. */
function keyOf({ user, address }: Source): string | undefined {
  if (user !== undefined) return `user ${user}`;
  return address === undefined ? undefined : `address ${address}`;
}
