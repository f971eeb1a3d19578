import type { Connection, Effect } from "@holdfast/core/client";
import {
  type Draft,
  formatCursor,
  HoldfastError,
  jsonPayload,
  type Payload,
  type PublishResult,
  parseCursor,
  textPayload,
  toPayload,
} from "@holdfast/protocol";

/** An event to publish. */
export interface Publication {
  /** Bytes are published as bytes, anything else as JSON. */
  readonly data: unknown;
  /** What a string as `data` is: `text`, or the text of a `json` value, which is then carried as it is written. */
  readonly encoding?: "text" | "json";
  readonly type?: string;
  readonly key?: string;
  /** Publishing the same id again appends nothing and answers as the first time; drawn where it is not given. */
  readonly id?: string;
}

export interface PublishOptions {
  /** Publishes only if nothing came after this cursor; fails with `precondition_failed` otherwise. */
  readonly ifMatch?: string;
  /** Stops waiting; what was sent may have been published all the same. */
  readonly signal?: AbortSignal;
}

type Tell = (input: (connection: Connection, now: number) => void) => void;
type Answer = Extract<Effect, { type: "published" | "unpublished" }>;

/** Publishes, and hands each answer to who waits for it. What keeps publishes while offline wraps this. */
export class Publisher {
  readonly #instance: string;
  readonly #tell: Tell;
  readonly #waiting = new Map<number, PromiseWithResolvers<readonly PublishResult[]>>();
  #lastRef = 0;
  #lastId = 0;

  constructor(instance: string, tell: Tell) {
    this.#instance = instance;
    this.#tell = tell;
  }

  /** Publishes a batch: whole, in order, or not at all. Rejects with what went wrong, never throws. */
  publish(
    channel: string,
    publications: readonly Publication[],
    options: PublishOptions,
  ): Promise<readonly PublishResult[]> {
    const asked = Promise.withResolvers<readonly PublishResult[]>();
    // Who publishes without waiting does not care; it must not bring down the process.
    asked.promise.catch(() => {});
    try {
      options.signal?.throwIfAborted();
      this.#start(channel, publications, options, asked);
    } catch (error) {
      asked.reject(error);
    }
    return asked.promise;
  }

  /** Publishes one event. Rejects with what went wrong, never throws. */
  publishOne(channel: string, publication: Publication, options: PublishOptions): Promise<PublishResult> {
    const published = this.publish(channel, [publication], options).then(([result]) => {
      if (result === undefined) throw new HoldfastError("internal", "The server acknowledged nothing.");
      return result;
    });
    published.catch(() => {});
    return published;
  }

  #start(
    channel: string,
    publications: readonly Publication[],
    { ifMatch, signal }: PublishOptions,
    asked: PromiseWithResolvers<readonly PublishResult[]>,
  ): void {
    const drafts = publications.map((one) => this.#toDraft(one));
    const condition = ifMatch === undefined ? undefined : formatCursor(parseCursor(ifMatch));
    const ref = ++this.#lastRef;
    this.#tell((connection, now) => connection.publish(ref, channel, drafts, condition, now));
    this.#waiting.set(ref, asked);
    if (signal === undefined) return;
    const stop = () => {
      this.#waiting.delete(ref);
      this.#tell((connection, now) => connection.forgetPublish(ref, now));
      asked.reject(signal.reason);
    };
    signal.addEventListener("abort", stop, { once: true });
    const release = () => signal.removeEventListener("abort", stop);
    asked.promise.then(release, release);
  }

  #toDraft({ data, encoding, type, key, id }: Publication): Draft {
    return {
      payload: encode(data, encoding),
      id: id ?? `${this.#instance}-${++this.#lastId}`,
      ...(type === undefined ? {} : { type }),
      ...(key === undefined ? {} : { key }),
    };
  }

  answered(answer: Answer): void {
    const asked = this.#waiting.get(answer.ref);
    this.#waiting.delete(answer.ref);
    if (answer.type === "published") asked?.resolve(answer.results);
    else asked?.reject(answer.error);
  }
}

function encode(data: unknown, encoding: Publication["encoding"]): Payload {
  if (typeof data !== "string" || encoding === undefined) return toPayload(data);
  return encoding === "text" ? textPayload(data) : jsonPayload(data);
}
