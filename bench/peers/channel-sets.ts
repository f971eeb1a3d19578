/** Who reads which channel: what an application keeps by itself where its library knows no channels. */
export class ChannelSets<T> {
  readonly #sets = new Map<string, Set<T>>();

  join(channel: string, member: T): void {
    const set = this.#sets.get(channel);
    if (set === undefined) this.#sets.set(channel, new Set([member]));
    else set.add(member);
  }

  leave(channel: string, member: T): void {
    const set = this.#sets.get(channel);
    if (set?.delete(member) && set.size === 0) this.#sets.delete(channel);
  }

  of(channel: string): Iterable<T> {
    return this.#sets.get(channel) ?? [];
  }
}

/** The channels of a request like `/?channel=a&channel=b`. */
export function channelsOf(url: string | undefined, parameter = "channel"): readonly string[] {
  return new URLSearchParams(url?.split("?", 2)[1]).getAll(parameter);
}

/** The path of such a request. */
export function channelPath(channels: readonly string[]): string {
  return `/?${channels.map((channel) => `channel=${channel}`).join("&")}`;
}
