import type { Bytes, Hello, HoldfastError, Member, PublishResult } from "@holdfast/protocol";
import type { ChannelEvent } from "./incoming.ts";
import type { Transport } from "./ladder.ts";
import type { ConnectionState } from "./state.ts";
import type { Gap } from "./subscription.ts";

/** What the shell is to do; each kind is answered by the input that its comment names, if any. */
export type Effect =
  /**
   * Open a transport and say `hello` first: `linkOpened` once it was accepted, `linkMessage` for what comes, and
   * `linkLost` or, for an answered poll, `linkAnswered` at its end. On the HTTP transports `hello` is the body, and
   * `waitMs` how long the server may hold its answer. On a WebSocket it is written by the codec that was agreed on.
   */
  | {
      readonly type: "open";
      readonly link: number;
      readonly transport: Transport;
      readonly hello: Hello;
      readonly waitMs: number;
    }
  /** Send a message, encoded already: text in a text frame, bytes in a binary one. */
  | { readonly type: "send"; readonly link: number; readonly message: string | Bytes }
  /**
   * Read nothing more from an event stream, or go on. What was read already may still be told, and a shell that cannot
   * stop reading may ignore it.
   */
  | { readonly type: "pause"; readonly link: number; readonly isPaused: boolean }
  /** Release everything the link holds; it is not heard of again. */
  | { readonly type: "close"; readonly link: number }
  /** Ask the same origin over plain HTTP whether it is there, and takes anybody in: `probed`. */
  | { readonly type: "probe"; readonly probe: number }
  /** Ask the application for a token that is valid now: `tokenGiven` or `tokenFailed`. */
  | {
      readonly type: "token";
      /** The last one it gave: where there is a newer one by now, nobody need be asked again. */
      readonly instead: string | undefined;
    }
  /** Send a POST: `posted`. */
  | ({ readonly type: "post"; readonly post: number; readonly token: string | undefined } & Post)
  /** The position of a subscription is known. Once for each. Rule READ-1. */
  | {
      readonly type: "subscribed";
      readonly channel: string;
      readonly cursor: string;
      /** The end of the log when that was said. */
      readonly head: string;
    }
  | {
      readonly type: "events";
      readonly channel: string;
      readonly events: readonly ChannelEvent[];
      /** The position after them; it may move without an event. */
      readonly cursor: string;
    }
  | ({ readonly type: "gap" } & Gap)
  /** The channel is closed and was read to its end. Final. */
  | { readonly type: "end"; readonly channel: string; readonly cursor: string }
  /** The subscription cannot be had. Final. */
  | { readonly type: "refused"; readonly channel: string; readonly error: HoldfastError }
  /** Something failed that ends nothing: what was asked on this channel, where it is named, or else a renewal. */
  | { readonly type: "warning"; readonly channel?: string; readonly error: HoldfastError }
  | ({ readonly type: "signal" } & Signal)
  | ({ readonly type: "presence" } & Presence)
  | { readonly type: "published"; readonly ref: number; readonly results: readonly PublishResult[] }
  | { readonly type: "unpublished"; readonly ref: number; readonly error: Error }
  | { readonly type: "state"; readonly state: ConnectionState };

export interface Post {
  /** Path and query below the server's address. */
  readonly path: string;
  readonly contentType: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What came of a POST. */
export type Posted = { readonly type: "answered"; readonly json: unknown } | Loss;

/**
 * Why a link or a request ended: `refused` when the server spoke, whose error has the delay it asked for; `failed` when
 * nothing that speaks this protocol answered; `ended` when a stream ended by itself.
 */
export type Loss =
  | { readonly type: "refused"; readonly error: HoldfastError }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "ended" };

/** An ephemeral message. Rule SIG-1. */
export interface Signal {
  readonly channel: string;
  readonly key: string;
  readonly data: unknown;
  readonly from?: string;
  readonly instance?: string;
}

/** Who is there, or what changed of it. Rule PRS-2. */
export interface Presence {
  readonly channel: string;
  /** Whether `members` is everybody. */
  readonly full: boolean;
  readonly members: readonly Member[];
  readonly left: readonly string[];
}

/** The present moment and what is to be done: the one thing all parts of a connection share. */
export class Turn {
  now = 0;
  /** How many turns there were before this one. */
  count = 0;
  #effects: Effect[] = [];
  #lastId = 0;

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  /** A number never used before, for a link, probe or post. */
  nextId(): number {
    return ++this.#lastId;
  }

  take(): readonly Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    this.count++;
    return effects;
  }
}
