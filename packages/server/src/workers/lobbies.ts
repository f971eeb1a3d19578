import type { Courier, LobbyExchange, LobbyNews, Neighbours } from "@holdfast/core/server";
import type { Member } from "@holdfast/protocol";

/** From a worker to the primary. */
type Asked = LobbyNews | { readonly is: "census"; readonly id: number; readonly channel: string };

/** From the primary to a worker. */
type Told =
  | { readonly from: string; readonly news: LobbyNews }
  | { readonly id: number; readonly members: readonly Member[] };

/** The other workers, as one of them hears of them through the primary. */
export class PrimaryNeighbours implements Neighbours {
  readonly #send: (text: string) => void;
  #hear: Courier = () => {};
  #asked = 0;
  readonly #asking = new Map<number, (members: readonly Member[]) => void>();

  /** `send` takes messages to the primary. */
  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  join(hear: Courier): void {
    this.#hear = hear;
  }

  tell(news: LobbyNews): void {
    this.#ask(news);
  }

  members(channel: string): Promise<readonly Member[]> {
    const id = this.#asked++;
    return new Promise((resolve) => {
      this.#asking.set(id, resolve);
      this.#ask({ is: "census", id, channel });
    });
  }

  #ask(asked: Asked): void {
    this.#send(JSON.stringify(asked));
  }

  /** Takes a message of the primary. */
  receive(text: string): void {
    const told: Told = JSON.parse(text);
    if ("news" in told) {
      this.#hear(told.from, told.news);
      return;
    }
    this.#asking.get(told.id)?.(told.members);
    this.#asking.delete(told.id);
  }
}

/** The lobbies of one worker, as the primary joins them to those of the others. */
export class WorkerLobbies {
  readonly #node: string;
  readonly #exchange: LobbyExchange;
  readonly #line: { readonly isFull: boolean; send(text: string): void };

  constructor(
    node: string,
    exchange: LobbyExchange,
    line: { readonly isFull: boolean; send(text: string): void },
  ) {
    this.#node = node;
    this.#exchange = exchange;
    this.#line = line;
  }

  /** Takes a message of the worker. */
  receive(text: string): void {
    const asked: Asked = JSON.parse(text);
    if (asked.is === "census") {
      const { id, channel } = asked;
      this.#tell({ id, members: this.#exchange.members(channel, this.#node) });
    } else {
      this.#exchange.hear(this.#node, asked, this.#courier);
    }
  }

  readonly #courier: Courier = (from, news) => {
    // A signal is of the moment: to a worker that takes nothing it would come too late.
    if (news.is !== "signal" || !this.#line.isFull) this.#tell({ from, news });
  };

  #tell(told: Told): void {
    this.#line.send(JSON.stringify(told));
  }

  /** The worker is gone; those who were here through it have their grace to come back through another. */
  gone(graceMs: number): void {
    this.#exchange.lost(this.#node);
    setTimeout(() => this.#exchange.forget(this.#node), graceMs).unref();
  }
}
