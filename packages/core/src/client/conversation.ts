import { type ClientMessage, type Hello, HoldfastError, parseChannelName } from "@holdfast/protocol";
import type { Backoff } from "./backoff.ts";
import type { Credential } from "./credential.ts";
import type { Turn } from "./effects.ts";
import { type Incoming, toError } from "./incoming.ts";
import type { Link } from "./link.ts";
import type { Publishing } from "./publishing.ts";
import { Reading } from "./reading.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** What a client says of itself in every `hello`. */
export interface Introduction {
  readonly instance: string;
  readonly client: { readonly name: string; readonly version: string } | undefined;
}

interface Parts {
  readonly turn: Turn;
  readonly credential: Credential;
  readonly subscriptions: Subscriptions;
  readonly publishing: Publishing;
  readonly renewBackoff: Backoff;
  readonly introduction: Introduction;
  /** The server will not have this client as it is. */
  refuse(error: HoldfastError): void;
  /** This link cannot be renewed in place: another of its kind is to replace it. */
  replace(link: Link): void;
}

/** What is said on a link, by either side. */
export class Conversation {
  readonly #parts: Parts;
  readonly #reading: Reading;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#reading = new Reading(parts.turn, parts.subscriptions);
  }

  /** What a link says first; it carries from then on what this names. */
  hello(link: Link): Hello {
    const { introduction, subscriptions } = this.#parts;
    const { instance, client } = introduction;
    const { token } = link;
    return {
      type: "hello",
      ...(token === undefined ? {} : { token }),
      ...(client === undefined ? {} : { client }),
      instance,
      subscriptions: subscriptions.attachAll(link),
    };
  }

  /** Takes a message of the server. Throws `bad_message` or `bad_cursor` where it does not speak the protocol. */
  receive(link: Link, message: Incoming): void {
    const { credential, publishing } = this.#parts;
    if (message.type === "error" && message.channel === undefined) {
      this.#failed(link, toError({ ...message }), message.ref);
    } else if (link.phase !== "good") {
      throw new HoldfastError("bad_message", `The first message was "${message.type}", not "welcome".`);
    } else if (message.type === "published") {
      publishing.published(message.ref, message.results);
    } else if (message.type === "expiring") {
      credential.ending(link.token, message.inMs);
      link.replaceAt = Math.min(link.replaceAt, credential.cookieEnding(message.inMs));
    } else if (message.type === "renewed") {
      this.#renewed(link, message.expiresInMs);
    } else {
      const error = this.#reading.receive(link, message);
      if (error !== undefined) this.reauthenticate(link.token, error);
    }
  }

  /** The link goes on by the newer token that it was sent; by now there may be one that is newer still. */
  #renewed(link: Link, expiresInMs: number | undefined): void {
    const { credential } = this.#parts;
    link.token = link.offered ?? link.token;
    link.offered = undefined;
    credential.proven(link.token);
    credential.lasts(link.token, expiresInMs);
    this.renewToken(link);
  }

  /** The link does not go on by the newer token, and so by the one before for as long as that lasts. Rule EXP-4. */
  #notRenewed(link: Link, offered: string, error: HoldfastError): void {
    link.offered = undefined;
    if (error.retry === "reauthenticate") this.reauthenticate(offered, error);
    // A link of its own can have what this one cannot, such as another user.
    else if (error.retry === "never") this.#parts.replace(link);
    else link.offerAt = this.#parts.turn.now + this.#parts.renewBackoff.next(error.retryAfterMs);
  }

  #failed(link: Link, error: HoldfastError, ref: number | undefined): void {
    if (ref === undefined && link.offered !== undefined) {
      this.#notRenewed(link, link.offered, error);
      return;
    }
    if (ref !== undefined) this.#parts.publishing.refused(ref, error);
    // On HTTP it answers the `hello`, and the answer ends. A WebSocket that is to end for it says so as it closes.
    else if (link.transport !== "websocket") link.lastError = error;
    if (error.retry === "reauthenticate") this.reauthenticate(link.token, error);
  }

  /** The server refused a token. */
  reauthenticate(token: string | undefined, error: HoldfastError): void {
    const final = this.#parts.credential.refused(token, error);
    if (final !== undefined) this.#parts.refuse(final);
  }

  /** Tells a link in use of a newer token than it was opened with. */
  renewToken(link: Link): void {
    const { credential, turn } = this.#parts;
    const { token } = credential;
    if (token === undefined || token === link.token) return;
    if (link.transport === "websocket") {
      if (link.offered !== undefined || turn.now < link.offerAt) return;
      link.offered = token;
      link.offerAt = -Infinity;
      this.#say(link, { type: "auth", token });
    } else if (link.transport === "sse") {
      link.stale = true;
    }
    // A poll is over soon, at the latest with its token, and the next one has the newer one.
  }

  /** Brings the link in use in line with what is wanted. */
  reconcile(link: Link): void {
    const { join, leave } = this.#parts.subscriptions.reconcile(link);
    if (leave.length > 0) this.#say(link, { type: "unsubscribe", channels: leave });
    if (join.length > 0)
      this.#say(link, { type: "subscribe", subscriptions: join.map((one) => one.toWire()) });
  }

  /** Sends a signal if this link can carry it. */
  signal(link: Link, channel: string, key: string, data: unknown): boolean {
    // An error that answers it names only the channel: where that is being joined, it would look like a refusal.
    if (!this.#speaksOf(link, parseChannelName(channel))) return false;
    this.#say(link, { type: "signal", channel, key, data });
    return true;
  }

  /** Joins a channel as a member with this data, or leaves it. */
  join(link: Link | undefined, channel: string, data: unknown): void {
    const wants = this.#parts.subscriptions.change(channel, { join: data });
    if (wants === undefined || link === undefined || !this.#speaksOf(link, channel)) return;
    link.move(channel, { wants });
    this.#say(link, { type: "presence", channel, data: data ?? null });
  }

  #speaksOf(link: Link, channel: string): boolean {
    return link.transport === "websocket" && link.place(channel)?.state === "attached";
  }

  #say(link: Link, message: ClientMessage): void {
    const { turn } = this.#parts;
    turn.emit({ type: "send", link: link.id, message: link.codec.encode(message) });
    link.sent(turn.now);
  }
}
