import { parseCursor, type Start } from "@holdfast/protocol";
import type { Delivery, Driver } from "./driver.ts";
import { Feed } from "./feed.ts";
import type { Reader } from "./reader.ts";

/** One connection, and the channels that are followed on it. */
interface Lane {
  readonly driver: Driver;
  readonly feeds: Map<string, Feed>;
}

/** What the connections tell that is no reader's. */
export type General = Exclude<
  Delivery,
  { type: "subscribed" | "events" | "gap" | "end" | "refused" | "signal" | "presence" }
>;

interface Settings {
  readonly bufferedMax: number;
  connect(deliver: (delivery: Delivery) => void): Driver;
  /** Hears what the first connection tells. */
  hear(delivery: General): void;
}

/**
 * Brings readers and connections together. A channel is followed once on a connection; who wants to read it from
 * elsewhere reads on another connection until both stand at the same cursor, and then goes on with the others.
 */
export class Feeds {
  readonly #settings: Settings;
  /** The first one is always there, for all that is no reading. */
  readonly #lanes: [Lane, ...Lane[]];
  /** The feeds of each channel. */
  readonly #byChannel = new Map<string, Set<Feed>>();
  readonly #feedOf = new Map<Reader, { readonly feed: Feed; readonly lane: Lane }>();
  /** Readers so far behind the others of their feed that they had to leave it, and where they stand. */
  readonly #apart = new Map<Reader, string>();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#lanes = [this.#open((delivery) => settings.hear(delivery))];
  }

  /** The connection for all that is no reading. */
  get main(): Driver {
    return this.#lanes[0].driver;
  }

  /** Throws what the connection says to a subscription it cannot have. */
  add(reader: Reader, start: Start = reader.start): void {
    for (const feed of this.#byChannel.get(reader.channel) ?? []) {
      if (!feed.suits(start)) continue;
      this.#place(reader, feed);
      feed.add(reader);
      return;
    }
    const free = this.#lanes.find(({ feeds }) => !feeds.has(reader.channel));
    const lane = free ?? this.#open(() => {});
    const { bufferedMax } = this.#settings;
    const feed = new Feed(reader, start, { bufferedMax, tell: (input) => lane.driver.tell(input) });
    if (free === undefined) this.#lanes.push(lane);
    lane.feeds.set(reader.channel, feed);
    const feeds = this.#byChannel.get(reader.channel) ?? new Set();
    this.#byChannel.set(reader.channel, feeds.add(feed));
    this.#feedOf.set(reader, { feed, lane });
  }

  remove(reader: Reader): void {
    this.#apart.delete(reader);
    const place = this.#feedOf.get(reader);
    if (place === undefined) return;
    this.#feedOf.delete(reader);
    place.feed.remove(reader);
    if (place.feed.readers.size === 0) this.#drop(place.feed, place.lane);
  }

  /** A reader has other wants. */
  review(reader: Reader): void {
    this.#feedOf.get(reader)?.feed.review();
  }

  /** A reader has taken an event. */
  consumed(reader: Reader): void {
    const cursor = this.#apart.get(reader);
    if (cursor === undefined) {
      this.#feedOf.get(reader)?.feed.settle();
    } else if (reader.buffered <= this.#settings.bufferedMax / 2) {
      this.#apart.delete(reader);
      this.#rejoin(reader, cursor);
    }
  }

  #rejoin(reader: Reader, cursor: string): void {
    try {
      this.add(reader, { after: parseCursor(cursor) });
    } catch (error) {
      // Nobody asked just now who could be given the error.
      reader.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Every connection asks for a token anew, which is one question. */
  reauthenticate(): void {
    for (const { driver } of this.#lanes) driver.tell((connection, now) => connection.reauthenticate(now));
  }

  close(): void {
    for (const reader of [...this.#feedOf.keys(), ...this.#apart.keys()]) reader.close();
    for (const { driver } of this.#lanes) driver.close();
  }

  #open(hear: (delivery: General) => void): Lane {
    const feeds = new Map<string, Feed>();
    const driver = this.#settings.connect((delivery) => this.#deliver(lane, delivery, hear));
    const lane: Lane = { driver, feeds };
    return lane;
  }

  #deliver(lane: Lane, delivery: Delivery, hear: (delivery: General) => void): void {
    const feed = "channel" in delivery ? lane.feeds.get(delivery.channel) : undefined;
    switch (delivery.type) {
      case "subscribed":
        feed?.subscribed(delivery.cursor, delivery.head);
        break;
      case "events":
        feed?.events(delivery.events, delivery.cursor);
        break;
      case "gap":
        feed?.gap(delivery);
        break;
      case "signal":
        feed?.signal(delivery);
        return;
      case "presence":
        feed?.presence(delivery);
        return;
      case "end":
        this.#finish(lane, feed, (reader) => reader.end(delivery.cursor));
        return;
      case "refused":
        this.#finish(lane, feed, (reader) => reader.fail(delivery.error));
        return;
      default:
        hear(delivery);
        return;
    }
    if (feed !== undefined) this.#arrange(feed);
  }

  /** A feed moved: who lags too much leaves it, and who stands where another feed stands goes on with that. */
  #arrange(feed: Feed): void {
    if (feed.readers.size > 1) this.#setApart(feed);
    const feeds = this.#byChannel.get(feed.channel);
    if (feeds === undefined || feeds.size < 2) return;
    for (const other of feeds) if (other !== feed) this.#merge(feed, other);
  }

  /** One that takes nothing must not stop the others, and its buffer has a limit. */
  #setApart(feed: Feed): void {
    const { bufferedMax } = this.#settings;
    const slow = [...feed.readers].filter(({ buffered }) => buffered >= bufferedMax);
    if (slow.length === 0 || slow.length === feed.readers.size || feed.cursor === undefined) return;
    for (const reader of slow) {
      this.#apart.set(reader, feed.cursor);
      this.#feedOf.delete(reader);
      feed.remove(reader);
    }
  }

  #merge(a: Feed, b: Feed): void {
    if (a.cursor === undefined || a.cursor !== b.cursor || a.isFull || b.isFull) return;
    const laneOf = (feed: Feed) => this.#lanes.findIndex(({ feeds }) => feeds.get(feed.channel) === feed);
    const [stays, goes] = laneOf(a) < laneOf(b) ? [a, b] : [b, a];
    const lane = this.#lanes[laneOf(goes)];
    for (const reader of [...goes.readers]) {
      this.#place(reader, stays);
      stays.add(reader);
    }
    if (lane !== undefined) this.#drop(goes, lane);
  }

  #place(reader: Reader, feed: Feed): void {
    const lane = this.#lanes.find(({ feeds }) => feeds.get(feed.channel) === feed);
    if (lane !== undefined) this.#feedOf.set(reader, { feed, lane });
  }

  #finish(lane: Lane, feed: Feed | undefined, tell: (reader: Reader) => void): void {
    if (feed === undefined) return;
    for (const reader of feed.readers) this.#feedOf.delete(reader);
    this.#drop(feed, lane);
    for (const reader of [...feed.readers]) tell(reader);
  }

  #drop(feed: Feed, lane: Lane): void {
    const { channel } = feed;
    lane.feeds.delete(channel);
    const feeds = this.#byChannel.get(channel);
    feeds?.delete(feed);
    if (feeds?.size === 0) this.#byChannel.delete(channel);
    // A connection that nobody uses any more lets go of everything by itself, and is there for the next one apart.
    lane.driver.tell((connection, now) => connection.unsubscribe(channel, now));
  }
}
