import {
  type Cursor,
  formatPosition,
  type GapReason,
  type Position,
  type Start,
  sameCursor,
} from "@holdfast/protocol";
import type { Broker, LogPage, ReadLimits } from "../broker/port.ts";
import { EncodedEvent } from "./batch.ts";

export interface Gap {
  readonly from: Cursor;
  readonly to: Cursor;
  readonly reason: GapReason;
}

/** A piece of a channel as a JSON answer shows it. Rule JSON-1. */
export interface Page {
  readonly channel: string;
  readonly from: Cursor;
  readonly to: Cursor;
  readonly events: readonly EncodedEvent[];
  readonly more: boolean;
  /** Nothing will ever follow `to`. */
  readonly closed: boolean;
  readonly gap: Gap | null;
  /** A given cursor was read without a gap: the same request shows these events for as long as it shows any. */
  readonly exact: boolean;
}

/** Why a page does not start where it was asked to, if it does not. Rules GAP-2, GAP-3. */
export function gapBefore(asked: Cursor, page: LogPage): GapReason | undefined {
  if (page.epoch === asked.epoch && page.from === asked.offset) return undefined;
  if (page.gap !== undefined) return page.gap;
  return page.epoch !== asked.epoch || asked.offset > page.range.head ? "epoch" : "expired";
}

export function toPage(channel: string, asked: Position, log: LogPage): Page {
  const { epoch, range } = log;
  const from = { epoch, offset: log.from };
  const reason = typeof asked === "string" ? undefined : gapBefore(asked, log);
  return {
    channel,
    from,
    to: { epoch, offset: log.to },
    events: log.events.map((event) => new EncodedEvent(epoch, event)),
    more: log.to < range.head,
    closed: range.closed && log.to >= range.head,
    gap: typeof asked === "string" || reason === undefined ? null : { from: asked, to: from, reason },
    exact: typeof asked !== "string" && sameCursor(asked, from),
  };
}

/** Reads of pages, in which requests for the same page at the same time share one, with all that is made of it. */
export class Pages {
  readonly #broker: Broker;
  /** Reads under way, by what they ask for. */
  readonly #reads = new Map<string, Promise<Page>>();

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** Reads one page; rejects as the broker does. */
  async read(channel: string, start: Start, limits: ReadLimits): Promise<Page> {
    if ("after" in start) return await this.#read(channel, start.after, limits);
    const { epoch, at } = await this.#broker.before(channel, start.last);
    const after = { epoch, offset: at };
    const page = await this.#read(channel, after, limits);
    // The cursor was chosen here, not given: what retention took since is not missed by anybody.
    return { ...page, gap: null, exact: false };
  }

  #read(channel: string, after: Position, limits: ReadLimits): Promise<Page> {
    const key = `${channel} ${formatPosition(after)} ${limits.eventsMax} ${limits.bytesMax}`;
    let page = this.#reads.get(key);
    if (page === undefined) {
      page = this.#broker.read(channel, after, limits).then((log) => toPage(channel, after, log));
      this.#reads.set(key, page);
      const forget = () => this.#reads.delete(key);
      page.then(forget, forget);
    }
    return page;
  }
}
