import {
  type ClientMessage,
  checkClientMessage,
  type Hello,
  HoldfastError,
  isRecord,
  jsonText,
  type Limits,
  parseChannelName,
  parseSubscription,
  RefusedRequest,
  readTextMessage,
  toHoldfastError,
  type UncheckedClientMessage,
} from "@holdfast/protocol";
import { readPackedMessage } from "@holdfast/protocol/msgpack";
import type { Clock } from "./hubs.ts";
import { checkLists } from "./lists.ts";
import type { Gate, Principal } from "./principal.ts";
import { Renewals } from "./renewals.ts";
import type { Session } from "./session.ts";

export interface DialogueOptions {
  readonly session: Session;
  readonly gate: Gate;
  readonly limits: Limits;
  readonly clock: Clock;
  /** Hears who said `hello`, and may throw: then that is the answer to it. */
  identified?(principal: Principal): void;
  /** The credential that came with the request itself, used when `hello` brings none. */
  readonly token?: string;
  /** What the client writes its messages in; JSON unless given. Rule SES-5. */
  readonly form?: MessageForm;
}

export type MessageForm = "json" | "msgpack";

/** What came in one frame: a text, or bytes. */
type Said = string | Uint8Array;

const readers: Readonly<Record<MessageForm, (said: Said) => UncheckedClientMessage>> = {
  json: (said) => readTextMessage(jsonText(said)),
  msgpack: readPackedMessage,
};

/** Where a conversation is: `authenticating` holds what comes in meanwhile, in order. */
type Phase =
  | { readonly is: "greeting" }
  | { readonly is: "authenticating"; readonly held: Said[] }
  | { readonly is: "open" };

/** The session protocol, spoken on behalf of one session. */
export class Dialogue {
  readonly #options: DialogueOptions;
  /** When the client must have said `hello`, and must have been found to be who it says. */
  readonly #greetBy: number;
  readonly #read: (said: Said) => UncheckedClientMessage;
  #phase: Phase = { is: "greeting" };
  /** Made when a client first renews its token: most connections do not live as long. */
  #renewals: Renewals | undefined;

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#read = readers[options.form ?? "json"];
    this.#greetBy = options.clock.now() + options.limits.helloTimeoutMs;
  }

  /** When `tick` must be called next, in ms since 1970. */
  get deadline(): number {
    const { session } = this.#options;
    if (this.#phase.is === "open" || session.isClosed) return session.deadline;
    return Math.min(this.#greetBy, session.deadline);
  }

  tick(now: number): void {
    const { is } = this.#phase;
    const { session } = this.#options;
    if (is === "open" || now < this.#greetBy) {
      session.tick(now);
      return;
    }
    session.hubs.refused("helloTimeoutMs");
    this.#hangUp(is === "greeting" ? silent() : unchecked());
  }

  /** Takes one message of the client. */
  receive(said: Said): void {
    const { session } = this.#options;
    if (session.isClosed) return;
    session.heard();
    if (this.#phase.is === "authenticating") {
      this.#phase.held.push(said);
      return;
    }
    let unchecked: UncheckedClientMessage | undefined;
    let message: ClientMessage;
    try {
      unchecked = this.#read(said);
      message = checkClientMessage(unchecked);
      checkLists(message, this.#options.limits);
    } catch (error) {
      this.#refuse(toHoldfastError(error), unchecked?.fields);
      return;
    }
    if (this.#phase.is === "open") this.#answer(message);
    else if (message.type === "hello") void this.#greet(message);
    else this.#hangUp(outOfTurn());
  }

  /** Refuses a message; one that is, or should have been, `hello` ends the connection. Rules SES-1, SES-4. */
  #refuse(error: HoldfastError, fields: unknown): void {
    const { session } = this.#options;
    const type = isRecord(fields) && typeof fields.type === "string" ? fields.type : undefined;
    const isGreeting = this.#phase.is === "greeting";
    if (type === "hello" || (type === undefined && isGreeting)) this.#hangUp(error);
    else if (isGreeting) this.#hangUp(outOfTurn());
    else session.refuse(error, error instanceof RefusedRequest ? { ref: error.ref } : {});
  }

  #hangUp(error: HoldfastError): void {
    const { session } = this.#options;
    session.refuse(error);
    session.close({ kind: "refused", error });
  }

  async #greet(hello: Hello): Promise<void> {
    const { session } = this.#options;
    const held: Said[] = [];
    this.#phase = { is: "authenticating", held };
    // What the client says meanwhile waits with it, not here: it is nobody yet.
    session.holdInput(true);
    const principal = await this.#identify(hello);
    session.holdInput(false);
    if (principal === undefined || session.isClosed) return;
    void this.begin(hello, principal);
    for (const said of held) this.receive(said);
  }

  async #identify({ token = this.#options.token }: Hello): Promise<Principal | undefined> {
    try {
      const { gate, session, identified } = this.#options;
      const principal = await gate.authenticate(token);
      // Who has gone meanwhile is not to be counted as somebody who is here.
      if (session.isClosed) return undefined;
      identified?.(principal);
      return principal;
    } catch (error) {
      this.#hangUp(toHoldfastError(error));
      return undefined;
    }
  }

  /** Goes on from a `hello` whose principal is known. Resolves when every subscription has started or was refused. */
  async begin(hello: Hello, principal: Principal): Promise<void> {
    const { session, limits } = this.#options;
    this.#phase = { is: "open" };
    const { messageBytesMax, subscriptionsMax, publishEventsMax } = limits;
    session.adopt(principal, hello.instance);
    session.say({
      type: "welcome",
      protocol: 1,
      session: session.id,
      heartbeatMs: limits.heartbeatMs,
      limits: { messageBytesMax, subscriptionsMax, publishEventsMax },
      ...this.#tellOf(principal),
    });
    await this.#subscribe(hello.subscriptions);
  }

  /** Who the client is found to be, and for how long. */
  #tellOf({ user, expiresAt }: Principal): { user?: string; expiresAt?: number; expiresInMs?: number } {
    if (expiresAt === undefined) return user === undefined ? {} : { user };
    const expiresInMs = Math.max(0, expiresAt - this.#options.clock.now());
    return { ...(user === undefined ? {} : { user }), expiresAt, expiresInMs };
  }

  async #subscribe(subscriptions: readonly unknown[]): Promise<void> {
    const { session } = this.#options;
    await Promise.all(
      subscriptions.map(async (json) => {
        try {
          await session.subscribe(parseSubscription(json));
        } catch (error) {
          session.refuse(error, channelIn(json));
        }
      }),
    );
  }

  #answer(message: ClientMessage): void {
    const { session } = this.#options;
    switch (message.type) {
      case "hello":
        this.#hangUp(new HoldfastError("bad_message", '"hello" was said already.'));
        return;
      case "subscribe":
        void this.#subscribe(message.subscriptions);
        return;
      case "unsubscribe":
        for (const channel of message.channels) this.#unsubscribe(channel);
        return;
      case "publish":
        session.publish(message.ref, message.channel, message.events, message.ifMatch);
        return;
      case "auth":
        this.#renewals ??= new Renewals(this.#options.limits, (limit) => session.hubs.refused(limit));
        void session.during(
          this.#renewals.inTurn(this.#options.clock.now(), () => this.#renew(message.token)),
        );
        return;
      case "ping":
        session.say({ type: "pong" });
        return;
      case "signal":
        void session.during(session.company.signal(message.channel, message.key, message.data));
        return;
      case "presence":
        void session.during(session.company.presence(message.channel, message.data));
        return;
    }
  }

  #unsubscribe(channel: unknown): void {
    const { session } = this.#options;
    try {
      session.unsubscribe(parseChannelName(channel));
    } catch (error) {
      session.refuse(error, channelIn({ channel }));
    }
  }

  /** A token that is refused ends nothing: the one before holds until it expires. Rule EXP-4. */
  async #renew(token: string): Promise<void> {
    const { gate, session } = this.#options;
    const principal = await gate.authenticate(token);
    if (session.isClosed) return;
    await session.renew(principal);
    session.say({ type: "renewed", ...this.#tellOf(principal) });
  }
}

function channelIn(json: unknown): { channel?: string } {
  return isRecord(json) && typeof json.channel === "string" ? { channel: json.channel } : {};
}

function outOfTurn(): HoldfastError {
  return new HoldfastError("bad_message", 'The first message is "hello".');
}

function silent(): HoldfastError {
  return new HoldfastError("timed_out", 'No "hello" came in time.', { limit: "helloTimeoutMs" });
}

function unchecked(): HoldfastError {
  return new HoldfastError("overloaded", "The token could not be checked in time. Come back later.");
}
