import type { ChannelEvent, Gap } from "@holdfast/core/client";
import { guard, uncaught } from "./listeners.ts";
import type { SubscribeOptions } from "./reader.ts";

/** Events that were asked for can no longer be had, and nobody was there to be told. */
export class GapError extends Error {
  override readonly name = "GapError";
  /** What is missing, and why; subscribe again `after: gap.to` to go on. */
  readonly gap: Gap;

  constructor(gap: Gap) {
    super(
      `Events of "${gap.channel}" between ${gap.from} and ${gap.to} can no longer be had (${gap.reason}).`,
    );
    this.gap = gap;
  }
}

type Item<Data> =
  | { readonly type: "event"; readonly event: ChannelEvent<Data> }
  | { readonly type: "gap"; readonly gap: Gap }
  | { readonly type: "end"; readonly cursor: string }
  | { readonly type: "error"; readonly error: Error };

type Result<Data> = IteratorResult<ChannelEvent<Data>, undefined>;
type Callbacks<Data> = Pick<SubscribeOptions<Data>, "onEvent" | "onGap" | "onEnd" | "onError">;

const done = { done: true, value: undefined } as const;

/** What has come for a subscriber and was not taken yet, in order: handed to `onEvent`, or to whoever iterates. */
export class Inbox<Data> {
  readonly #callbacks: Callbacks<Data>;
  readonly #host: { consumed(): void; over(): void };
  #items: Item<Data>[] = [];
  #first = 0;
  #buffered = 0;
  /** The position after the last item. */
  #tail: string | undefined;
  #position: string | undefined;
  readonly #waiting: PromiseWithResolvers<Result<Data>>[] = [];
  #isOver = false;
  /** Why it was aborted, until the iteration has thrown it. */
  #reason: { readonly error: unknown } | undefined;
  #isHandling = false;

  constructor(callbacks: Callbacks<Data>, host: { consumed(): void; over(): void }) {
    this.#callbacks = callbacks;
    this.#host = host;
  }

  /** Events not taken yet. */
  get buffered(): number {
    return this.#buffered;
  }

  /** Everything up to here was taken. */
  get position(): string | undefined {
    return this.#position;
  }

  startAt(cursor: string): void {
    this.#tail ??= cursor;
    this.#position ??= cursor;
  }

  add(events: readonly ChannelEvent<Data>[], cursor: string): void {
    if (this.#isOver) return;
    for (const event of events) this.#items.push({ type: "event", event });
    this.#buffered += events.length;
    this.#tail = cursor;
    this.#handOut();
  }

  put(item: Item<Data>): void {
    if (this.#isOver) return;
    if (item.type === "gap") this.#tail = item.gap.to;
    this.#items.push(item);
    this.#handOut();
  }

  /** Ends it with nothing more to be had; an iteration throws the reason, if one is given. */
  drop(...reason: [error?: unknown]): void {
    if (this.#isOver) return;
    if (reason.length > 0) this.#reason = { error: reason[0] };
    this.#end();
    while (this.#waiting.length > 0) this.#answerOver(this.#waiting.shift());
  }

  /** The next event. */
  next(): Promise<Result<Data>> {
    const asked = Promise.withResolvers<Result<Data>>();
    this.#waiting.push(asked);
    this.#handOut();
    return asked.promise;
  }

  #handOut(): void {
    if (this.#callbacks.onEvent === undefined) this.#answer();
    else if (!this.#isHandling) void this.#handle(this.#callbacks.onEvent);
  }

  /** Gives to those who iterate. */
  #answer(): void {
    while (this.#waiting.length > 0) {
      if (this.#isOver) {
        this.#answerOver(this.#waiting.shift());
        continue;
      }
      const item = this.#take();
      if (item === undefined) return;
      if (item.type === "event") this.#waiting.shift()?.resolve({ done: false, value: item.event });
      else this.#conclude(item);
    }
  }

  #answerOver(asked: PromiseWithResolvers<Result<Data>> | undefined): void {
    const reason = this.#reason;
    this.#reason = undefined;
    if (reason === undefined) asked?.resolve(done);
    else asked?.reject(reason.error);
  }

  /** Gives to the callback: one after the other, and the next when the last is done with. */
  async #handle(onEvent: (event: ChannelEvent<Data>) => unknown): Promise<void> {
    this.#isHandling = true;
    for (let item = this.#take(); item !== undefined; item = this.#take()) {
      if (item.type !== "event") {
        this.#conclude(item);
        continue;
      }
      try {
        const result = onEvent(item.event);
        // Only where there is something to wait for: a callback that returns at once gets its events at once.
        if (isPromiseLike(result)) await result;
      } catch (error) {
        uncaught(error);
      }
    }
    this.#isHandling = false;
  }

  #take(): Item<Data> | undefined {
    const item = this.#items[this.#first];
    if (this.#isOver || item === undefined) return undefined;
    this.#first++;
    const isLast = this.#first === this.#items.length;
    if (isLast || this.#first > 1000) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    if (item.type === "event") {
      this.#buffered--;
      this.#position = item.event.cursor;
      this.#host.consumed();
    }
    // A batch may reach beyond its last event.
    if (isLast) this.#position = this.#tail;
    return item;
  }

  /** What is no event: a gap, or why nothing follows. */
  #conclude(item: Exclude<Item<Data>, { type: "event" }>): void {
    const { onGap, onEnd, onError } = this.#callbacks;
    if (item.type === "gap" && onGap !== undefined) {
      this.#position = item.gap.to;
      guard(() => onGap(item.gap));
      return;
    }
    this.#end();
    if (item.type === "end") {
      guard(() => onEnd?.({ cursor: item.cursor }));
      return;
    }
    const error = item.type === "gap" ? new GapError(item.gap) : item.error;
    if (onError !== undefined) guard(() => onError(error));
    else if (this.#callbacks.onEvent === undefined) this.#reason = { error };
    // There is nobody to tell, and to say nothing would be a silent loss.
    else uncaught(error);
  }

  #end(): void {
    this.#isOver = true;
    this.#items = [];
    this.#first = 0;
    this.#buffered = 0;
    this.#host.over();
  }
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
}
