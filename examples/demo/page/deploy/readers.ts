import { connect } from "@holdfast/client";
import { Ledger } from "../proof/ledger.ts";
import { follow } from "../visitor/following.ts";
import { visitor } from "../visitor/visitor.ts";

const readersMax = 12;
const everyMs = 100;

/** What came of the readers, all together. */
export interface Count {
  readonly readers: number;
  /** Readers whose connection is another one than at first. */
  readonly moved: number;
  readonly seen: number;
  readonly lost: number;
  readonly repeated: number;
  /** How late the latest event came, in ms. */
  readonly latestMs: number;
}

/** One more client of this page, on a connection of its own. */
class Reader {
  readonly ledger = new Ledger();
  /** WebSockets that it has opened. */
  sockets = 0;
  latestMs = 0;

  async read(): Promise<void> {
    const opened = () => this.sockets++;
    class CountedWebSocket extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.addEventListener("open", opened);
      }
    }
    const { origin } = location;
    const token = visitor.source();
    const options = { transports: ["websocket"], WebSocket: CountedWebSocket, token } as const;
    // #region read
    const client = connect(origin, options);
    visitor.clients.add(client);
    const pulse = follow<{ number: number }>(client, "pulse:page", {
      onGap: ({ reason }) => this.ledger.gap(reason === "epoch"),
    });
    for await (const { data, at } of pulse) this.#take(data.number, at);
    // #endregion
  }

  get isReading(): boolean {
    return this.ledger.last > 0;
  }

  #take(number: number, at: number): void {
    this.ledger.take(number);
    this.latestMs = Math.max(this.latestMs, Date.now() - at);
  }

  recount(): void {
    this.ledger.reset();
    this.sockets = 1;
    this.latestMs = 0;
  }
}

/** Readers enough to see them move. */
export class Readers {
  readonly #readers: Reader[] = [];
  /** Rejects when one of them cannot go on. */
  readonly #failure = Promise.withResolvers<never>();

  constructor() {
    this.#failure.promise.catch(() => {});
  }

  /** Resolves when all are there and read; counts from then on. */
  async join(): Promise<void> {
    while (this.#readers.length < readersMax) {
      const reader = new Reader();
      this.#readers.push(reader);
      reader.read().catch(this.#failure.reject);
    }
    const areReading = until(() => this.#readers.every(({ isReading }) => isReading));
    await Promise.race([areReading, this.#failure.promise]);
    for (const reader of this.#readers) reader.recount();
  }

  /** Resolves when every reader has read up to the same event. */
  async caughtUp(): Promise<void> {
    const newest = Math.max(...this.#readers.map(({ ledger }) => ledger.last));
    await until(() => this.#readers.every(({ ledger }) => ledger.last >= newest));
  }

  get count(): Count {
    const readers = this.#readers;
    const judgements = readers.map(({ ledger }) => ledger.judgement);
    const sum = (counts: readonly number[]) => counts.reduce((total, one) => total + one, 0);
    return {
      readers: readers.length,
      moved: readers.filter(({ sockets }) => sockets > 1).length,
      seen: sum(judgements.map(({ seen }) => seen)),
      // Told or not: a deploy is to cost nothing at all.
      lost: sum(judgements.map(({ lost, told }) => lost + told)),
      repeated: sum(judgements.map(({ repeated, misplaced }) => repeated + misplaced)),
      latestMs: Math.max(0, ...readers.map(({ latestMs }) => latestMs)),
    };
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, everyMs));
}
