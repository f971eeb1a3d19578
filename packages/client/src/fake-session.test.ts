import type { Duplex } from "node:stream";

interface StoredEvent {
  readonly offset: number;
  readonly json: Record<string, unknown>;
}

export interface Log {
  epoch: string;
  floor: number;
  events: StoredEvent[];
  closed: boolean;
}

export interface Asked {
  readonly channel: string;
  readonly after?: string;
  readonly last?: number;
  readonly signals?: boolean;
}

export type Say = (message: object) => unknown;

/** What a session needs of its server. */
interface Logs {
  log(channel: string): Log;
  head(channel: string): number;
  /** Takes over what a session says; answers whether it did. */
  readonly onSay: ((message: { type: string }, session: Session) => boolean) | undefined;
}

/** One session, and what it reads. */
export class Session {
  readonly heard: { type: string; [field: string]: unknown }[] = [];
  readonly socket: Duplex;
  readonly #fake: Logs;
  readonly #say: Say;
  readonly #cursors = new Map<string, number>();

  constructor(fake: Logs, say: Say, socket: Duplex) {
    this.#fake = fake;
    this.#say = say;
    this.socket = socket;
  }

  say(message: { type: string; [field: string]: unknown }): void {
    if (!this.#fake.onSay?.(message, this)) this.#say(message);
  }

  /** Says it, whatever the orders. */
  force(message: object): void {
    this.#say(message);
  }

  subscribe({ channel, after = "latest", last }: Asked): void {
    if (this.#cursors.has(channel)) {
      this.say({ type: "error", code: "already_subscribed", message: channel, retry: "never", channel });
      return;
    }
    const { epoch, floor } = this.#fake.log(channel);
    const head = this.#fake.head(channel);
    const asked = after === "latest" ? head : after === "oldest" ? floor : Number(after.split("-")[1]);
    const from = last === undefined ? asked : Math.max(floor, head - last);
    const asIs = /-/.test(after) ? after : `${epoch}-${from}`;
    this.#cursors.set(channel, from);
    this.say({ type: "subscribed", channel, cursor: asIs, head: `${epoch}-${head}` });
    if (!asIs.startsWith(`${epoch}-`) || from < floor) {
      this.say({
        type: "gap",
        channel,
        from: asIs,
        to: `${epoch}-${floor}`,
        reason: asIs.startsWith(`${epoch}-`) ? "expired" : "epoch",
      });
      this.#cursors.set(channel, floor);
    }
    this.flush();
  }

  unsubscribe(channel: string): void {
    this.#cursors.delete(channel);
    this.say({ type: "unsubscribed", channel });
  }

  flush(): void {
    for (const [channel, from] of this.#cursors) {
      const { epoch, events, closed } = this.#fake.log(channel);
      const news = events.filter(({ offset }) => offset > from);
      const to = news.at(-1)?.offset ?? from;
      this.#cursors.set(channel, to);
      if (news.length > 0) {
        const list = news.map(({ json }) => json);
        this.say({ type: "events", channel, from: `${epoch}-${from}`, to: `${epoch}-${to}`, events: list });
      }
      if (!closed) continue;
      this.#cursors.delete(channel);
      this.say({ type: "end", channel, cursor: `${epoch}-${to}` });
    }
  }
}
