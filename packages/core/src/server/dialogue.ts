import {
  type ClientMessage,
  decodeClientMessage,
  type Hello,
  HoldfastError,
  isRecord,
  type Limits,
  parseChannelName,
  parseSubscription,
  RefusedRequest,
  toHoldfastError,
} from "@holdfast/protocol";
import type { Clock } from "./hubs.ts";
import type { Gate, Principal } from "./principal.ts";
import type { Session } from "./session.ts";

export interface DialogueOptions {
  readonly session: Session;
  readonly gate: Gate;
  readonly limits: Limits;
  readonly clock: Clock;
  /** The credential that came with the request itself, used when `hello` brings none. */
  readonly token?: string;
}

/** Where a conversation is: `authenticating` holds what comes in meanwhile, in order. */
type Phase =
  | { readonly is: "greeting"; readonly deadline: number }
  | { readonly is: "authenticating"; readonly held: string[] }
  | { readonly is: "open" };

/** The session protocol, spoken on behalf of one session. */
export class Dialogue {
  readonly #options: DialogueOptions;
  #phase: Phase;

  constructor(options: DialogueOptions) {
    this.#options = options;
    this.#phase = { is: "greeting", deadline: options.clock.now() + options.limits.helloTimeoutMs };
  }

  /** When `tick` must be called next, in ms since 1970. */
  get deadline(): number {
    const { session } = this.#options;
    return this.#phase.is === "greeting"
      ? Math.min(this.#phase.deadline, session.deadline)
      : session.deadline;
  }

  tick(now: number): void {
    const { session } = this.#options;
    if (this.#phase.is === "greeting" && now >= this.#phase.deadline) {
      this.#hangUp(new HoldfastError("timed_out", 'No "hello" came in time.'));
    } else {
      session.tick(now);
    }
  }

  /** Takes one message of the client. */
  receive(text: string): void {
    const phase = this.#phase;
    this.#options.session.heard();
    if (phase.is === "authenticating") {
      phase.held.push(text);
      return;
    }
    let message: ClientMessage;
    try {
      message = decodeClientMessage(text);
    } catch (error) {
      this.refuse(toHoldfastError(error));
      return;
    }
    if (phase.is === "open") this.#answer(message);
    else if (message.type === "hello") void this.#greet(message);
    else
      this.#hangUp(new HoldfastError("bad_message", `The first message is "hello", not "${message.type}".`));
  }

  /** Refuses what is no message of this protocol. Rule SES-4. */
  refuse(error: HoldfastError): void {
    if (this.#phase.is === "greeting") this.#hangUp(error);
    else this.#options.session.refuse(error, error instanceof RefusedRequest ? { ref: error.ref } : {});
  }

  #hangUp(error: HoldfastError): void {
    const { session } = this.#options;
    session.refuse(error);
    session.close({ kind: "refused", error });
  }

  async #greet(hello: Hello): Promise<void> {
    const { gate, token, session } = this.#options;
    const held: string[] = [];
    this.#phase = { is: "authenticating", held };
    try {
      const principal = await gate.authenticate(hello.token ?? token);
      if (session.isClosed) return;
      void this.begin(hello, principal);
    } catch (error) {
      return this.#hangUp(toHoldfastError(error));
    }
    for (const text of held) this.receive(text);
  }

  /** Goes on from a `hello` whose principal is known. Resolves when every subscription has started or was refused. */
  async begin(hello: Hello, principal: Principal): Promise<void> {
    const { session, limits } = this.#options;
    this.#phase = { is: "open" };
    const { user, expiresAt } = principal;
    const { messageBytesMax, subscriptionsMax, publishEventsMax } = limits;
    session.adopt(principal, hello.instance);
    session.say({
      type: "welcome",
      protocol: 1,
      session: session.id,
      heartbeatMs: limits.heartbeatMs,
      limits: { messageBytesMax, subscriptionsMax, publishEventsMax },
      ...(user === undefined ? {} : { user }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    });
    await this.#subscribe(hello.subscriptions);
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
        void this.#renew(message.token);
        return;
      case "ping":
        session.say({ type: "pong" });
        return;
      case "signal":
        void session.company.signal(message.channel, message.key, message.data);
        return;
      case "presence":
        void session.company.presence(message.channel, message.data);
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

  /** A token that is refused ends nothing: the one before holds until it expires. */
  async #renew(token: string): Promise<void> {
    const { gate, session } = this.#options;
    try {
      session.adopt(await gate.authenticate(token));
      await session.review();
    } catch (error) {
      session.refuse(error);
    }
  }
}

function channelIn(json: unknown): { channel?: string } {
  return isRecord(json) && typeof json.channel === "string" ? { channel: json.channel } : {};
}
