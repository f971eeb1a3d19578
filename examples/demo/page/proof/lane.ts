import { type Client, connect, type Transport } from "@holdfast/client";
import { describe } from "../standing.ts";
import { follow } from "../visitor/following.ts";
import { visitor } from "../visitor/visitor.ts";
import { Card } from "./card.ts";
import { Latency } from "./latency.ts";
import { Ledger } from "./ledger.ts";
import type { Switches } from "./switches.ts";
import { Tape } from "./tape.ts";
import type { Standing } from "./verdict.ts";

export interface Tick {
  /** 1, 2, 3 and so on. */
  readonly number: number;
}

/** What a lane is about. */
export interface LanePlan {
  readonly id: string;
  readonly label: string;
  /** The transports that its client may use. */
  readonly transports: readonly Transport[];
}

/** Impatient, so that a visitor sees what happens: applications keep the defaults. */
const toleranceMs = 800;
const timing = {
  backoffBaseMs: 300,
  backoffCapMs: 1500,
  firstByteTimeoutMs: 2000,
  climbMinMs: 4000,
  climbMaxMs: 8000,
  graceMs: 300,
};

/** One client of the bench, and what is made of its events. */
export class Lane {
  readonly plan: LanePlan;
  readonly card: Card;
  readonly tape = new Tape();
  readonly ledger = new Ledger();
  readonly #latency = new Latency();
  #lastAt = 0;
  #gapFrom: number | undefined;

  constructor(plan: LanePlan, rungs: ReadonlyMap<string, string>, switches: Switches) {
    this.plan = plan;
    this.card = new Card(plan.id, plan.label, rungs, switches.element);
  }

  async read(url: string): Promise<void> {
    const { transports } = this.plan;
    const token = visitor.source();
    // #region read
    const client = connect(url, { transports, toleranceMs, timing, token });
    client.on("state", () => this.#showState(client));
    visitor.clients.add(client);

    const ticks = follow<Tick>(client, "bench:ticks", {
      onGap: ({ reason }) => this.#gap(reason),
    });
    for await (const { data, at } of ticks) this.#take(data.number, at);
    // #endregion
  }

  #take(number: number, at: number): void {
    const { lost } = this.ledger.judgement;
    this.ledger.take(number);
    const delayMs = Math.max(0, Date.now() - at);
    this.#latency.add(delayMs);
    this.tape.arrived(at, delayMs);
    if (this.#gapFrom !== undefined) this.tape.missing("gap", this.#gapFrom, at);
    else if (this.ledger.judgement.lost > lost) this.tape.missing("lost", this.#lastAt, at);
    this.#gapFrom = undefined;
    this.#lastAt = at;
  }

  #gap(reason: string): void {
    this.ledger.gap(reason === "epoch");
    this.#gapFrom = this.#lastAt;
  }

  #showState({ state }: Client): void {
    this.card.showState(state.type, describe(state), state.type === "live" ? state.transport : undefined);
  }

  /** Counts anew from here. */
  recount(): void {
    this.ledger.reset();
    this.#latency.clear();
  }

  /** Shows the figures; `newest` is the highest number that was published. */
  show(newest: number): void {
    const [medianMs, p95Ms] = this.#latency.quantiles(0.5, 0.95);
    this.card.showTally({
      judgement: this.ledger.judgement,
      behind: this.#behind(newest),
      medianMs,
      p95Ms,
    });
  }

  standing(newest: number): Standing {
    const { label } = this.plan;
    return { label, judgement: this.ledger.judgement, behind: this.#behind(newest) };
  }

  #behind(newest: number): number {
    // A lane that has not begun is not behind: it begins at the newest.
    return this.ledger.last === 0 ? 0 : Math.max(0, newest - this.ledger.last);
  }
}
