import { Connection, type ConnectionOptions, type Effect } from "@holdfast/core/client";
import { clock } from "./clock.ts";
import { watchDevice } from "./device.ts";
import { uncaught } from "./listeners.ts";
import type { TokenSource } from "./token.ts";
import type { Link } from "./transports/link.ts";
import type { Wire } from "./wire.ts";

type EffectOf<Type extends Effect["type"]> = Extract<Effect, { type: Type }>;

/** What concerns the application, and nobody below it. */
export type Delivery = Exclude<
  Effect,
  EffectOf<"open" | "send" | "pause" | "close" | "probe" | "token" | "post">
>;

/** Timers hold at most 2^31-1 ms; an early tick does no harm. */
const timerMsMax = 2 ** 31 - 1;
const postTimeoutMs = 30_000;
const probeTimeoutMs = 5_000;

/**
 * Gives a connection its clock, its network and its device: does what it asks for, and tells it what comes of it.
 * What the application does in one turn of the event loop is one turn of the connection.
 */
export class Driver {
  readonly #connection: Connection;
  readonly #wire: Wire;
  readonly #token: TokenSource | undefined;
  readonly #deliver: (delivery: Delivery) => void;
  readonly #links = new Map<number, Link>();
  /** Aborts the requests under way that are no links, when all is over. */
  readonly #underWay = new Set<AbortController>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isTurnDue = false;
  /** What is yet to be done, in order. */
  readonly #queue: Effect[] = [];
  #unwatch: (() => void) | undefined;

  constructor(
    options: Omit<ConnectionOptions, "anonymous">,
    parts: { wire: Wire; token: TokenSource | undefined; deliver: (delivery: Delivery) => void },
  ) {
    this.#wire = parts.wire;
    this.#token = parts.token;
    this.#deliver = parts.deliver;
    this.#connection = new Connection({ ...options, anonymous: parts.token === undefined });
  }

  /** Tells the connection something; what it throws comes back. */
  tell(input: (connection: Connection, now: number) => void): void {
    try {
      input(this.#connection, clock.now());
    } finally {
      this.#scheduleTurn();
    }
  }

  /** Closes the connection at once, and lets go of everything. */
  close(): void {
    this.#connection.close(clock.now());
    this.#turn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    queueMicrotask(() => {
      if (this.#isTurnDue) this.#turn();
    });
  }

  #turn(): void {
    this.#isTurnDue = false;
    // One queue for all turns: an application that closes from within a callback takes one in the middle of another.
    for (const effect of this.#connection.effects(clock.now())) this.#queue.push(effect);
    for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift())
      this.#perform(effect);
    this.#setTimer();
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const { deadline } = this.#connection;
    if (deadline === Infinity) return;
    // Rounded up, as timers round down and would come again and again within the last millisecond.
    const delayMs = Math.min(Math.max(0, Math.ceil(deadline - clock.now())), timerMsMax);
    this.#timer = setTimeout(() => this.tell((connection, now) => connection.tick(now)), delayMs);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "open":
        this.#open(effect);
        return;
      case "send":
        this.#links.get(effect.link)?.send?.(effect.message);
        return;
      case "pause":
        this.#links.get(effect.link)?.pause?.(effect.isPaused);
        return;
      case "close":
        this.#links.get(effect.link)?.close();
        this.#links.delete(effect.link);
        return;
      case "probe":
        void this.#probe(effect);
        return;
      case "token":
        this.#askToken(effect);
        return;
      case "post":
        void this.#post(effect);
        return;
      case "state":
        this.#watch(effect);
        break;
      default:
    }
    try {
      this.#deliver(effect);
    } catch (error) {
      uncaught(error);
    }
  }

  #open({ link: id, transport, hello, waitMs }: EffectOf<"open">): void {
    const link = this.#wire.open(
      transport,
      { hello, waitMs },
      {
        opened: (codec) => this.tell((connection, now) => connection.linkOpened(id, now, codec)),
        heard: () => this.tell((connection, now) => connection.linkHeard(id, now)),
        message: (json, size) => this.tell((connection, now) => connection.linkMessage(id, json, now, size)),
        answered: (more) => {
          this.#links.delete(id);
          this.tell((connection, now) => connection.linkAnswered(id, more, now));
        },
        lost: (loss) => {
          this.#links.delete(id);
          this.tell((connection, now) => connection.linkLost(id, loss, now));
        },
      },
    );
    this.#links.set(id, link);
  }

  async #probe({ probe }: EffectOf<"probe">): Promise<void> {
    const { works, busyForMs } = await this.#within(probeTimeoutMs, (signal) => this.#wire.probe(signal));
    this.tell((connection, now) => connection.probed(probe, works, now, busyForMs));
  }

  #askToken({ instead }: EffectOf<"token">): void {
    this.#token?.(instead).then(
      (token) => this.tell((connection, now) => connection.tokenGiven(token, now)),
      () => this.tell((connection, now) => connection.tokenFailed(now)),
    );
  }

  async #post({ post, token, ...request }: EffectOf<"post">): Promise<void> {
    const posted = await this.#within(postTimeoutMs, (signal) => this.#wire.post(request, token, signal));
    this.tell((connection, now) => connection.posted(post, posted, now));
  }

  /** Runs a request that may take a while, and not longer; nor longer than the connection. */
  async #within<Result>(timeoutMs: number, run: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const controller = new AbortController();
    // AbortSignal.timeout would leave a timer behind each publish until its time has come, and AbortSignal.any a link to
    // the signal that all of them share.
    const timer = setTimeout(() => controller.abort(new Error("No answer came in time.")), timeoutMs);
    this.#underWay.add(controller);
    try {
      return await run(controller.signal);
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(controller);
    }
  }

  /** Listens to the device as long as there is something to keep alive. */
  #watch({ state }: EffectOf<"state">): void {
    if (state.type === "idle" || state.type === "closed") {
      this.#unwatch?.();
      this.#unwatch = undefined;
    } else {
      this.#unwatch ??= watchDevice({
        online: () => this.tell((connection, now) => connection.online(now)),
        offline: () => this.tell((connection, now) => connection.offline(now)),
        wake: (surely) => this.tell((connection, now) => connection.wake(surely, now)),
      });
    }
    if (state.type === "closed") for (const controller of this.#underWay) controller.abort();
  }
}
