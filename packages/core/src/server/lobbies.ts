import type { Limits, Member } from "@holdfast/protocol";
import { checkData, type Lobby, type Sender } from "./lobby.ts";
import type { LobbyNews, Neighbours } from "./neighbours.ts";

/** What lobbies need of the hubs that they belong to. */
export interface LobbiesHost {
  readonly limits: Limits;
  readonly neighbours: Neighbours | undefined;
  /** Undefined where there is no hub: nobody reads there, and so nobody listens. */
  lobbyOf(channel: string): Lobby | undefined;
  /** Does what may throw for a limit, and counts it where it does. */
  counting(work: () => void): void;
}

const never = Number.POSITIVE_INFINITY;

/** The lobbies of one node's channels, and what other nodes tell of theirs. */
export class Lobbies {
  readonly #host: LobbiesHost;
  /** Those with a member that is leaving. */
  readonly #leaving = new Set<Lobby>();
  #sweepAt = never;

  constructor(host: LobbiesHost) {
    this.#host = host;
    host.neighbours?.join((from, news) => this.#hear(from, news));
  }

  /** Takes what another node tells. */
  #hear(from: string, news: LobbyNews): void {
    const lobby = this.#host.lobbyOf(news.channel);
    if (news.is === "signal") lobby?.signal(news.key, news.data, news.sender);
    else if (news.is === "member") lobby?.welcome(from, news);
    else if (news.is === "left") lobby?.miss(from, news.instance);
  }

  /** Here is a lobby from now on, which is to be told what others know. */
  opened(channel: string): void {
    this.#host.neighbours?.tell({ is: "open", channel });
  }

  shut(channel: string, lobby: Lobby): void {
    this.#leaving.delete(lobby);
    this.#host.neighbours?.tell({ is: "shut", channel });
  }

  /** When `tick` must be called next, in ms since 1970. */
  get deadline(): number {
    return this.#sweepAt;
  }

  /** A member of a lobby is to be let go then, unless it comes back. */
  sweepAt(lobby: Lobby, at: number): void {
    this.#leaving.add(lobby);
    this.#sweepAt = Math.min(this.#sweepAt, at);
  }

  tick(now: number): void {
    if (now < this.#sweepAt) return;
    this.#sweepAt = never;
    for (const lobby of this.#leaving) {
      const next = lobby.sweep(now);
      if (next === never) this.#leaving.delete(lobby);
      else this.#sweepAt = Math.min(this.#sweepAt, next);
    }
  }

  /** Passes a signal on to those who listen, on this node and its neighbours; throws `too_large`. Rule SIG-1. */
  signal(channel: string, key: string, data: unknown, sender: Sender): void {
    this.#host.counting(() => checkData(data, this.#host.limits));
    this.#host.lobbyOf(channel)?.signal(key, data, sender);
    this.#host.neighbours?.tell({ is: "signal", channel, key, data, sender });
  }

  /** Who is here, on this node and its neighbours. Rule PRS-1. Rejects when these cannot be asked. */
  async census(channel: string): Promise<readonly Member[]> {
    const own = this.members(channel);
    const others = (await this.#host.neighbours?.members(channel)) ?? [];
    const known = new Set(own.map(({ instance }) => instance));
    return [...own, ...others.filter(({ instance }) => !known.has(instance))];
  }

  /** Who is here, by this node's knowledge. Rule PRS-1. */
  members(channel: string): readonly Member[] {
    return this.#host.lobbyOf(channel)?.members ?? [];
  }
}
