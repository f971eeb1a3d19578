import type { ChannelEvent, Gap, Presence, Signal } from "@holdfast/core/client";
import { checkJsonValue, HoldfastError, parseChannelName, parseStart, type Start } from "@holdfast/protocol";
import { Inbox } from "./inbox.ts";
import { guard } from "./listeners.ts";

/** What a subscriber asks for. */
export interface SubscribeOptions<Data = unknown> {
  /** Starts after a cursor, at `oldest` (what the channel still holds) or at `latest` (the default). */
  readonly after?: string;
  /** Starts this many events before the newest; not together with `after`. */
  readonly last?: number;
  /**
   * Gets each event, and takes the place of iterating. When it returns a promise the next event waits for it; what it
   * throws is reported as an uncaught error.
   */
  readonly onEvent?: (event: ChannelEvent<Data>) => unknown;
  /** Told in its place that events can no longer be had; reading goes on. Without it a gap ends the subscription with a `GapError`. */
  readonly onGap?: (gap: Gap) => void;
  /** Told that the channel is closed and was read to its end. */
  readonly onEnd?: (end: { readonly cursor: string }) => void;
  /** Told why the subscription is over. Without it the iteration throws it. */
  readonly onError?: (error: Error) => void;
  /** Gets the channel's signals. */
  readonly onSignal?: (signal: Signal) => void;
  /** Told who is there, and then what changes. */
  readonly onPresence?: (presence: Presence) => void;
  /** Joins the channel as a member with this data. */
  readonly join?: unknown;
  /** Ends the subscription; the iteration throws its reason. */
  readonly signal?: AbortSignal;
}

/** One reading of a channel: an iterable of its events, each once and in order. */
export interface Subscription<Data = unknown> extends AsyncIterable<ChannelEvent<Data>>, AsyncDisposable {
  readonly channel: string;
  /** Resolves when the server has said where reading starts; rejects when it refuses, or when the subscription ends before. */
  readonly ready: Promise<{ readonly cursor: string }>;
  /** Everything up to here was handed over: where another subscription would go on. */
  readonly position: string | undefined;
  /** Joins the channel as a member with this data, or updates it; `undefined` leaves. Throws `bad_event`. */
  join(data: unknown): void;
  /** Ends it; an iteration ends without an error. */
  close(): void;
}

/** What a reader needs of those who feed it. */
export interface ReaderHost {
  consumed(reader: Reader): void;
  left(reader: Reader): void;
  joined(reader: Reader): void;
}

/** The subscription as the feeds know it. */
export class Reader<Data = unknown> implements Subscription<Data> {
  readonly channel: string;
  readonly start: Start;
  readonly options: SubscribeOptions<Data>;
  readonly ready: Promise<{ readonly cursor: string }>;
  readonly #inbox: Inbox<Data>;
  readonly #host: ReaderHost;
  readonly #attached = Promise.withResolvers<{ readonly cursor: string }>();
  readonly #onAbort = () => this.abort(this.options.signal?.reason);
  #joinData: unknown;
  #isOver = false;

  /** Throws `bad_channel`, `bad_cursor`, `bad_parameter`, `bad_event`. */
  constructor(channel: string, options: SubscribeOptions<Data>, host: ReaderHost) {
    if (options.join !== undefined) checkJsonValue(options.join);
    this.channel = parseChannelName(channel);
    this.start = parseStart(options.after, options.last);
    this.options = options;
    this.ready = this.#attached.promise;
    // Whoever does not wait for it has other ways to learn of a failure.
    this.ready.catch(() => {});
    this.#joinData = options.join;
    this.#host = host;
    this.#inbox = new Inbox(options, {
      consumed: () => host.consumed(this as Reader),
      over: () => this.#leave(),
    });
    const { signal } = options;
    signal?.addEventListener("abort", this.#onAbort);
  }

  get position(): string | undefined {
    return this.#inbox.position;
  }

  /** Events that the application has not taken yet. */
  get buffered(): number {
    return this.#inbox.buffered;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get joinData(): unknown {
    return this.#joinData;
  }

  [Symbol.asyncIterator](): AsyncIterator<ChannelEvent<Data>> {
    if (this.options.onEvent !== undefined) {
      throw new HoldfastError(
        "bad_parameter",
        "A subscription with `onEvent` hands its events to that; leave it out to iterate.",
      );
    }
    return {
      next: () => this.#inbox.next(),
      return: async () => {
        this.close();
        return { done: true, value: undefined };
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  join(data: unknown): void {
    if (data !== undefined) checkJsonValue(data);
    if (this.#isOver) return;
    this.#joinData = data;
    this.#host.joined(this as Reader);
  }

  close(): void {
    this.#inbox.drop();
    this.#leave();
  }

  /** Ends it with an error that the iteration throws. */
  abort(reason: unknown): void {
    this.#inbox.drop(reason);
    this.#leave();
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.options.signal?.removeEventListener("abort", this.#onAbort);
    this.#attached.reject(new Error("The subscription is over."));
    this.#host.left(this as Reader);
  }

  // --- what its feed tells ------------------------------------------------------------------------

  attached(cursor: string): void {
    this.#attached.resolve({ cursor });
    this.#inbox.startAt(cursor);
  }

  events(events: readonly ChannelEvent[], cursor: string): void {
    // What the application says of its own data is its own affair.
    this.#inbox.add(events as readonly ChannelEvent<Data>[], cursor);
  }

  gap(gap: Gap): void {
    this.#inbox.put({ type: "gap", gap });
  }

  end(cursor: string): void {
    this.#inbox.put({ type: "end", cursor });
  }

  fail(error: Error): void {
    this.#attached.reject(error);
    this.#inbox.put({ type: "error", error });
  }

  signalled(signal: Signal): void {
    guard(() => this.options.onSignal?.(signal));
  }

  present(presence: Presence): void {
    guard(() => this.options.onPresence?.(presence));
  }
}
