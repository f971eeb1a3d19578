import type { GapReason } from "@holdfast/protocol";
import type { SeenEvent } from "../../history/reader-audit.ts";
import { type Lane, PlainReader, plainLane, problemCode } from "./lane.ts";

/** How soon a poll that found nothing asks again. */
const pollMs = 20;
/** How long a long poll may be held, in seconds. */
const waitSeconds = 5;

interface JsonPage {
  readonly from: string;
  readonly cursor: string;
  readonly events: readonly JsonEvent[];
  readonly more: boolean;
  readonly closed: boolean;
  readonly gap: { readonly from: string; readonly to: string; readonly reason: GapReason } | null;
}

export interface JsonEvent {
  readonly cursor: string;
  readonly at: number;
  readonly data: unknown;
  readonly encoding?: string;
  readonly type?: string;
  readonly key?: string;
  readonly id?: string;
  readonly from?: string;
}

/** An event of the plain face as an application would take it. */
export function toSeen({ encoding, data, ...event }: JsonEvent): SeenEvent {
  if (encoding === undefined) return { ...event, data };
  if (typeof data !== "string") throw new TypeError(`data of encoding ${encoding} is a string`);
  if (encoding === "text") return { ...event, data };
  if (encoding === "base64") return { ...event, data: new Uint8Array(Buffer.from(data, "base64")) };
  throw new TypeError(`There is no encoding ${encoding}`);
}

/** Reads pages one after the other, as a program with nothing but `fetch` would. */
class PollReader extends PlainReader {
  /** How long an answer may be held, in seconds. */
  protected readonly wait: number = 0;
  #tag: string | undefined;

  async turn(): Promise<"again" | "over"> {
    const { url, channel, after } = this.request;
    const query = new URLSearchParams({ after: this.position ?? after, limit: "1000" });
    // The first page says where reading starts, so that it must not be waited for.
    if (this.wait > 0 && this.position !== undefined) query.set("wait", String(this.wait));
    const response = await fetch(`${url}/channels/${channel}?${query}`, {
      signal: this.signal,
      headers: this.#tag === undefined ? {} : { "If-None-Match": this.#tag },
    });
    if (response.status === 304) return await this.#rest();
    if (response.status !== 200) {
      const code = await problemCode(response);
      if (code === undefined || response.status >= 500) throw new Error(`HTTP ${response.status}`);
      this.hearer.refused(code);
      return "over";
    }
    const page = (await response.json()) as JsonPage;
    // Only now: an answer that broke off in its middle was not read.
    this.#tag = response.headers.get("etag") ?? undefined;
    return await this.#take(page);
  }

  async #take({ from, cursor, events, more, closed, gap }: JsonPage): Promise<"again" | "over"> {
    if (this.position === undefined) this.hearer.subscribed(gap?.from ?? from);
    if (gap !== null) this.hearer.gap(gap.from, gap.to, gap.reason);
    if (events.length > 0 || cursor !== (gap?.to ?? from)) this.hearer.events(events.map(toSeen), cursor);
    this.position = cursor;
    if (closed) {
      this.hearer.end(cursor);
      return "over";
    }
    return more || this.wait > 0 ? "again" : await this.#rest();
  }

  async #rest(): Promise<"again"> {
    if (this.wait === 0) await new Promise((resolve) => setTimeout(resolve, pollMs));
    return "again";
  }
}

class LongPollReader extends PollReader {
  protected override readonly wait = waitSeconds;
}

export const plainPoll: Lane = plainLane("poll", PollReader);
export const plainLongPoll: Lane = plainLane("long-poll", LongPollReader);
