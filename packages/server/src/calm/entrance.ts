import { HoldfastError, type Limits } from "@holdfast/protocol";

/** Newcomers in one turn of the event loop: at first, at least and at most. */
const perTurn = { first: 64, least: 16, most: 1024 };
const growth = 1.5;
/** Who has waited for longer may have given up, and is told when to come back. */
const waitMsMax = 2000;
const windowMs = 1000;
const soonestMs = 1000;
const latestMs = 60_000;
/** As fast as they are let in at least, where nothing is known of that yet. */
const perSecondLeast = 100;

export interface EntranceOptions {
  readonly limits: Pick<Limits, "arrivalsMax" | "loopDelayMsMax">;
  /** Milliseconds that have passed since some moment. */
  now(): number;
  /** Milliseconds of processor time that the event loop has taken. */
  worked(): number;
  /** Calls back in the next turn of the event loop. */
  nextTurn(run: () => void): void;
  /** From 0 up to, but not including, 1. */
  random(): number;
  refused(limit: keyof Limits): void;
}

interface Waiting {
  readonly since: number;
  readonly enter: () => void;
  readonly refuse: (error: HoldfastError) => void;
}

/**
 * Lets newcomers in as fast as the event loop can take them beside everybody else's business, before anything is done for them:
 * so many in a turn, fewer when turns become long and more when they do not. The others wait for the next turns, in their
 * order; whoever would wait for too long is told when to come back. Rule CALM-8.
 *
 * What counts is the processor time of a turn: on a machine that others use as well a turn may last, and letting nobody in would not
 * make it shorter. While nobody comes nothing is measured.
 */
export class Entrance {
  readonly #options: EntranceOptions;
  /** Newcomers of whom it is being found out who they are and what they want. */
  #inside = 0;
  /** How many may come in a turn, and in this one still. */
  #perTurn = perTurn.first;
  #left = 0;
  #workedAt = 0;
  #isWatching = false;
  #waiting: Waiting[] = [];
  #windowFrom = Number.NEGATIVE_INFINITY;
  /** Those who were let in, and sent away, in this window and in the one before. */
  #entered = 0;
  #enteredBefore = 0;
  #sent = 0;
  #sentBefore = 0;

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Throws `overloaded` when whoever comes to stay now would be sent away, as far as that can be told. */
  check(): void {
    this.#look();
    this.#checkRoom();
    const [oldest] = this.#waiting;
    // Those in front have waited for long, and there is no reason to think that it would be less behind them.
    if (oldest !== undefined && this.#options.now() - oldest.since > waitMsMax / 2)
      throw this.#refusal("loopDelayMsMax");
  }

  #checkRoom(): void {
    if (this.#inside + this.#waiting.length >= this.#options.limits.arrivalsMax)
      throw this.#refusal("arrivalsMax");
  }

  /**
   * Somebody comes to stay: returns undefined where it may come in at once, or what resolves when it may, and rejects with
   * `overloaded`. Throws that, too. Once it is served, or was refused, `left` is to be called.
   */
  enter(): Promise<void> | undefined {
    this.#look();
    this.#checkRoom();
    if (this.#options.limits.loopDelayMsMax === 0) {
      this.#admit();
      return undefined;
    }
    if (!this.#isWatching) this.#watch();
    if (this.#left > 0 && this.#waiting.length === 0) {
      this.#left--;
      this.#admit();
      return undefined;
    }
    return new Promise((enter, refuse) => {
      this.#waiting.push({ since: this.#options.now(), enter, refuse });
    });
  }

  left(): void {
    this.#inside--;
  }

  /** Finds out who a newcomer is and begins to serve it, in its turn; rejects with `overloaded` where too many come. Rule CALM-8. */
  async pass<T>(begin: () => Promise<T>): Promise<T> {
    const turn = this.enter();
    if (turn !== undefined) await turn;
    try {
      return await begin();
    } finally {
      this.left();
    }
  }

  #admit(): void {
    this.#inside++;
    this.#entered++;
  }

  #watch(): void {
    this.#isWatching = true;
    this.#left = Math.floor(this.#perTurn);
    this.#workedAt = this.#options.worked();
    this.#options.nextTurn(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    const { limits, worked } = this.#options;
    const tookMs = worked() - this.#workedAt;
    const wereEnough = this.#left > 0 && this.#waiting.length === 0;
    if (tookMs > limits.loopDelayMsMax) this.#perTurn = Math.max(perTurn.least, this.#perTurn / 2);
    else if (!wereEnough) this.#perTurn = Math.min(perTurn.most, this.#perTurn * growth);
    const isQuiet = this.#left === Math.floor(this.#perTurn) && this.#waiting.length === 0;
    this.#isWatching = false;
    if (isQuiet) return;
    this.#watch();
    this.#letIn();
  };

  /** Those who have waited for longest, as many as may come in this turn. */
  #letIn(): void {
    this.#look();
    const oldest = this.#options.now() - waitMsMax;
    let done = 0;
    for (; done < this.#waiting.length && this.#left > 0; done++) {
      const { since, enter, refuse } = this.#waiting[done] as Waiting;
      if (since < oldest) {
        refuse(this.#refusal("loopDelayMsMax"));
        continue;
      }
      this.#left--;
      this.#admit();
      enter();
    }
    if (done > 0) this.#waiting = this.#waiting.slice(done);
  }

  #look(): void {
    const now = this.#options.now();
    const passed = now - this.#windowFrom;
    if (passed < windowMs) return;
    const isNext = passed < 2 * windowMs;
    this.#enteredBefore = isNext ? this.#entered : 0;
    this.#sentBefore = isNext ? this.#sent : 0;
    this.#entered = 0;
    this.#sent = 0;
    this.#windowFrom = now;
  }

  /** Those who are sent away come back over the time that it takes to let in as many as there are. */
  #refusal(limit: keyof Limits): HoldfastError {
    const { random, refused } = this.#options;
    refused(limit);
    this.#sent++;
    const crowd = this.#sent + this.#sentBefore + this.#waiting.length;
    const perSecond = Math.max(perSecondLeast, this.#entered, this.#enteredBefore);
    const spreadMs = Math.min(latestMs, Math.max(soonestMs, (1000 * crowd) / perSecond));
    const retryAfterMs = Math.round(soonestMs + random() * spreadMs);
    return new HoldfastError("overloaded", `More clients come than this node can let in (${limit}).`, {
      retryAfterMs,
      limit,
    });
  }
}
