import type { Client, Publication, PublishResult } from "@holdfast/client";
import { type Draft, HoldfastError, type Payload } from "@holdfast/protocol";
import { type Kind, type Labels, readDraft } from "./drafts.ts";
import { exitCodeOf, exitCodes, Failure } from "./exit-codes.ts";
import { type Line, readLines } from "./lines.ts";

/** Whether a batch was refused for one of its events, or for its size: then less of it may pass. */
const divisible = new Set(["bad_event", "bad_json", "bad_utf8", "bad_request", "bad_message", "too_large"]);

/** As servers allow it by default; one that allows less says so, and is sent less. */
const batchEventsMax = 1000;

interface Numbered {
  readonly number: number;
  readonly publication: Publication;
}

export interface StreamOptions {
  readonly channel: string;
  readonly kind: Kind;
  readonly labels: Labels;
  /** Told of each event that is in the log, in order. */
  onPublished(result: PublishResult): Promise<void>;
}

/**
 * Publishes lines in their order: what is there goes as one batch, and the next is read when that is in the log. So a
 * fast input goes in large batches, a slow one line by line, and memory holds one batch.
 */
export class LinePublisher {
  readonly #client: Client;
  readonly #options: StreamOptions;
  #batchEventsMax = batchEventsMax;
  /** Events in the log, and the line of the last one. */
  #published = 0;
  #lastLine = 0;

  constructor(client: Client, options: StreamOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** How far it came, as a sentence. */
  get progress(): string {
    if (this.#published === 0) return "Nothing was published.";
    const events = this.#published === 1 ? "1 event is" : `${this.#published} events are`;
    return `${events} in the log, up to line ${this.#lastLine}.`;
  }

  /** Publishes until the input ends, or `signal` aborts. Throws a `Failure` that names the line. */
  async publish(input: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    try {
      for await (const lines of readLines(input)) {
        await this.#publishLines(lines, signal);
        if (signal.aborted) return;
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      throw new Failure(error.exitCode, [...error.sentences, this.progress], error);
    }
  }

  async #publishLines(lines: readonly Line[], signal: AbortSignal): Promise<void> {
    const ready: Numbered[] = [];
    let failure: Failure | undefined;
    for (const line of lines) {
      try {
        const draft = readDraft(line.text, this.#options.kind, this.#labelsOf(line));
        if (draft !== undefined) ready.push({ number: line.number, publication: toPublication(draft) });
      } catch (error) {
        failure = failureAt(line.number, error, exitCodes.mistake);
        break;
      }
    }
    for (let start = 0; start < ready.length && !signal.aborted; ) {
      const batch = ready.slice(start, start + this.#batchEventsMax);
      await this.#publishBatch(batch);
      start += batch.length;
    }
    if (failure !== undefined && !signal.aborted) throw failure;
  }

  #labelsOf({ number }: Line): Labels {
    const { id, ...labels } = this.#options.labels;
    return id === undefined ? labels : { ...labels, id: `${id}:${number}` };
  }

  /** What is refused as a whole is tried in halves, until the event that is to blame stands alone. */
  async #publishBatch(batch: readonly Numbered[]): Promise<void> {
    const [first] = batch;
    if (first === undefined) return;
    try {
      const events = batch.map((one) => one.publication);
      const results = await this.#client.publishBatch(this.#options.channel, events);
      this.#published += batch.length;
      this.#lastLine = batch.at(-1)?.number ?? this.#lastLine;
      for (const result of results) await this.#options.onPublished(result);
    } catch (error) {
      const mayPassInParts = error instanceof HoldfastError && divisible.has(error.code);
      if (!mayPassInParts || batch.length === 1) throw failureAt(first.number, error);
      const half = Math.ceil(batch.length / 2);
      if (error.code === "too_large") this.#batchEventsMax = Math.min(this.#batchEventsMax, half);
      await this.#publishBatch(batch.slice(0, half));
      await this.#publishBatch(batch.slice(half));
    }
  }
}

/** An error with its line; throws what is none of the protocol. */
function failureAt(line: number, error: unknown, exitCode?: Failure["exitCode"]): Failure {
  if (!(error instanceof HoldfastError)) throw error;
  return new Failure(exitCode ?? exitCodeOf(error), `Line ${line}: ${error.message}`, error);
}

/** The same as the client takes it. */
export function toPublication({ payload, from: _, ...labels }: Draft): Publication {
  return { ...labels, ...toData(payload) };
}

function toData(payload: Payload): Pick<Publication, "data" | "encoding"> {
  if (payload.encoding === "base64") return { data: payload.bytes };
  return { data: payload.text, encoding: payload.encoding };
}
