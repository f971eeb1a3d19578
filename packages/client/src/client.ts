import {
  type ConnectionState,
  defaultTiming,
  type Needs,
  type Timing,
  type Transport,
} from "@holdfast/core/client";
import {
  type Codec,
  checkJsonValue,
  decodeSignalKey,
  HoldfastError,
  type PublishResult,
  parseChannelName,
} from "@holdfast/protocol";
import { type Delivery, Driver } from "./driver.ts";
import { Feeds, type General } from "./feeds.ts";
import { Listeners } from "./listeners.ts";
import { memoryOf } from "./memory.ts";
import { type Publication, Publisher, type PublishOptions } from "./publisher.ts";
import { Reader, type SubscribeOptions, type Subscription } from "./reader.ts";
import { type TokenOption, tokenSource } from "./token.ts";
import { createWire } from "./wire.ts";

export interface ClientOptions {
  /**
   * A token, or how to get one that is valid now. The function is called once for all that need one, and again before it
   * ends; where it fails there is a `warning`, and it is called again later. When the server refuses two tokens in a row, or
   * one that it had refused before, the state is `closed` with the reason `reauthenticate`: see `Client.reauthenticate`.
   */
  readonly token?: TokenOption;
  /** `receive` (the default) where the application mostly listens, `duplex` where it speaks as much. */
  readonly need?: Needs["need"];
  /** How late an event may arrive, in ms; 2,000. From 10,000 on a plain poll is enough. */
  readonly toleranceMs?: number;
  /** Only these transports, in this order. */
  readonly transports?: readonly Transport[];
  /**
   * What a WebSocket speaks where the server does as well: `msgpack` of `@holdfast/client/msgpack`, which carries bytes
   * without base64. JSON unless given; the other transports always speak JSON.
   */
  readonly codec?: Codec;
  /** The application's name and version, for the server's operator. */
  readonly client?: { readonly name: string; readonly version: string };
  /** The platform's, unless given. */
  readonly fetch?: typeof globalThis.fetch;
  readonly WebSocket?: typeof globalThis.WebSocket;
  readonly timing?: Partial<Timing>;
  /**
   * Where so many events of one subscription still await the application when more come, its channel is left on the wire,
   * or its stream not read on; 1,000. What is on its way by then is kept up to 16 times as many, and 8 MiB.
   */
  readonly bufferedEventsMax?: number;
  /** Publishes that may await their answer; 1,000. */
  readonly pendingPublishesMax?: number;
}

export interface ClientEvents extends Record<string, unknown> {
  /** How the connection stands, whenever that changes. */
  readonly state: ConnectionState;
  /** The transport in use, whenever that changes; `undefined` when there is none. */
  readonly transport: Transport | undefined;
  /** Something went wrong that ends nothing: a token that could not be had or renewed, or a signal that was refused. */
  readonly warning: Error;
}

const defaultToleranceMs = 2_000;

/**
 * One application's connection to a server. It is made when it is first needed, kept through whatever happens to it,
 * and released when nobody subscribes or publishes any more.
 */
export class Client implements Disposable {
  readonly #feeds: Feeds;
  readonly #publisher: Publisher;
  readonly #listeners = new Listeners<ClientEvents>();
  #state: ConnectionState = { type: "idle" };
  #transport: Transport | undefined;

  /** Use `connect`. Throws `bad_parameter`. */
  constructor(url: string | URL, options: ClientOptions = {}) {
    const base = toBase(url);
    const instance = drawInstance();
    const { token } = options;
    const warn = (error: unknown) => this.#listeners.tell("warning", toError(error));
    const { tokenTimeoutMs = defaultTiming.tokenTimeoutMs } = options.timing ?? {};
    const asking = { timeoutMs: tokenTimeoutMs, onError: warn };
    const source = token === undefined ? undefined : tokenSource(token, asking);
    const wire = createWire(base, toNetwork(options));
    const { bufferedEventsMax = 1000 } = options;
    this.#feeds = new Feeds({
      bufferedMax: bufferedEventsMax,
      connect: (deliver: (delivery: Delivery) => void) =>
        new Driver(
          { ...toConnectionOptions(options), bufferedEventsMax, instance, memory: memoryOf(base.origin) },
          { wire, token: source, deliver },
        ),
      hear: (delivery) => this.#hear(delivery),
    });
    this.#publisher = new Publisher(instance, (input) => this.#feeds.main.tell(input));
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** The transport in use. */
  get transport(): Transport | undefined {
    return this.#transport;
  }

  /**
   * Reads a channel: iterate over what is returned, or give `onEvent`.
   *
   * Subscribing to a channel that this client follows already costs nothing more: a new reader that starts at `latest`
   * starts where the client stands. Throws `bad_channel`, `bad_cursor`, `bad_parameter`, `bad_event` for what cannot be
   * joined with, and why the client is closed.
   */
  subscribe<Data = unknown>(channel: string, options: SubscribeOptions<Data> = {}): Subscription<Data> {
    const reader = new Reader<Data>(channel, options, {
      consumed: (one) => this.#feeds.consumed(one),
      left: (one) => this.#feeds.remove(one),
      joined: (one) => this.#feeds.review(one),
    });
    if (options.signal?.aborted) reader.abort(options.signal.reason);
    // Where it stands is all that a feed needs of it, whatever its data.
    else this.#feeds.add(reader as Reader);
    return reader;
  }

  /**
   * Publishes an event and resolves once it is in the log, exactly once. Rejects with a `HoldfastError`; `timed_out`
   * says that it may or may not have been published, in which case publishing it again with the same `id` is safe.
   */
  publish(
    channel: string,
    data: unknown,
    options: Omit<Publication, "data"> & PublishOptions = {},
  ): Promise<PublishResult> {
    return this.#publisher.publishOne(channel, { ...options, data }, options);
  }

  /** Publishes events whole, in order and without another between them, or not at all. */
  publishBatch(
    channel: string,
    publications: readonly Publication[],
    options: PublishOptions = {},
  ): Promise<readonly PublishResult[]> {
    return this.#publisher.publish(channel, publications, options);
  }

  /**
   * Sends an ephemeral message to those who read the channel now; of each `key` only the newest matters. It is lost
   * where the server cannot be reached. Throws `bad_channel`, `bad_event`, `bad_message` or `bad_utf8` for a `key` that is
   * too long or ill-formed, and why the client is closed.
   */
  signal(channel: string, data: unknown, options: { readonly key?: string } = {}): void {
    const key = decodeSignalKey(options.key);
    checkJsonValue(data);
    this.#feeds.main.tell((connection, now) => connection.signal(parseChannelName(channel), key, data, now));
  }

  /** Calls `listener` whenever `name` happens; returns how to stop. */
  on<Name extends "state" | "transport" | "warning">(
    name: Name,
    listener: (value: ClientEvents[Name]) => void,
  ): () => void {
    return this.#listeners.on(name, listener);
  }

  /**
   * Says that the user has signed in anew: asks for a token and goes on by it, without a gap where there is a connection.
   *
   * A client that was closed with the reason `reauthenticate` or `never` can be used again. Its subscriptions have failed;
   * new ones go on from `after: subscription.position`. Throws `ClosedError` after `close`.
   */
  reauthenticate(): void {
    this.#feeds.reauthenticate();
  }

  /** Ends every subscription, fails what was not answered, and lets go of everything. */
  close(): void {
    this.#feeds.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #hear(delivery: General): void {
    switch (delivery.type) {
      case "published":
      case "unpublished":
        this.#publisher.answered(delivery);
        return;
      case "warning":
        this.#listeners.tell("warning", delivery.error);
        return;
      case "state":
        this.#setState(delivery.state);
        return;
    }
  }

  #setState(state: ConnectionState): void {
    const before = this.#transport;
    this.#state = state;
    this.#transport = state.type === "live" ? state.transport : undefined;
    this.#listeners.tell("state", state);
    if (this.#transport !== before) this.#listeners.tell("transport", this.#transport);
  }
}

/** A client of the server at `url`; nothing is opened before it is needed. Throws `bad_parameter`. */
export function connect(url: string | URL, options: ClientOptions = {}): Client {
  return new Client(url, options);
}

function toBase(url: string | URL): URL {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  // Not URL.parse, which browsers in use do not all have.
  const base = URL.canParse(url, page) ? new URL(url, page) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    throw new HoldfastError(
      "bad_parameter",
      `A server's address looks like "https://example.com", not "${url}".`,
    );
  }
  base.search = "";
  base.hash = "";
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}

function toNetwork(options: ClientOptions): {
  fetch: typeof globalThis.fetch;
  WebSocket: typeof globalThis.WebSocket | undefined;
  codec?: Codec;
} {
  const { fetch = globalThis.fetch, WebSocket = globalThis.WebSocket, codec } = options;
  // Called as a method of anything but the window, a browser's own would refuse.
  return {
    fetch: (input, init) => fetch(input, init),
    WebSocket,
    ...(codec === undefined ? {} : { codec }),
  };
}

function toConnectionOptions(options: ClientOptions) {
  const {
    need = "receive",
    toleranceMs = defaultToleranceMs,
    transports,
    client,
    timing,
    pendingPublishesMax,
  } = options;
  return {
    need,
    toleranceMs,
    random: Math.random,
    ...(transports === undefined ? {} : { transports }),
    ...(client === undefined ? {} : { client }),
    ...(timing === undefined ? {} : { timing }),
    ...(pendingPublishesMax === undefined ? {} : { pendingPublishesMax }),
  };
}

/** Not `randomUUID`, which pages without https do not have. */
function drawInstance(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
