import { Counter, Registry } from "prom-client";
import type { Node } from "../node.ts";
import { BrokerCalls } from "./broker-calls.ts";
import { DeliveryLag } from "./delivery-lag.ts";
import { LoopDelay } from "./loop-delay.ts";

/** What a credential turned out to be. */
export type AuthOutcome = "accepted" | "missing" | "invalid" | "expired" | "revoked" | "unreachable";
/** How a credential came. */
export type Carrier = "header" | "cookie" | "message" | "ticket" | "none";

/**
 * What happens on one node, counted for whoever watches it. Each node has a registry of its own, so that several in one
 * process do not meet. What can be looked up is not counted here: `NodeMetrics` asks for it when somebody looks.
 */
export class Meters {
  readonly registry = new Registry();
  readonly loop = new LoopDelay();
  readonly delivery: DeliveryLag;
  readonly brokerCalls: BrokerCalls;
  /** Events in JSON pages. */
  pageEvents = 0;
  readonly #refused = new Map<string, number>();
  readonly #refusals = new Counter({
    name: "holdfast_refusals_total",
    help: "Refusals because a limit was reached, by the limit's name.",
    labelNames: ["limit"],
    registers: [this.registry],
  });
  readonly #authentications = new Counter({
    name: "holdfast_authentications_total",
    help: "Credentials that were checked, by what they turned out to be and how they came.",
    labelNames: ["outcome", "carrier"],
    registers: [this.registry],
  });
  readonly #answers = new Counter({
    name: "holdfast_requests_total",
    help: "Requests that were answered, by path and HTTP status; a stream counts when it begins, a WebSocket with 101.",
    labelNames: ["route", "status"],
    registers: [this.registry],
  });

  constructor({ tick, clock }: Pick<Node, "tick" | "clock">) {
    this.delivery = new DeliveryLag(this.registry, tick, clock);
    this.brokerCalls = new BrokerCalls(this.registry);
  }

  /** A limit was the reason to refuse something. */
  refused(limit: string): void {
    this.#refusals.inc({ limit });
    this.#refused.set(limit, (this.#refused.get(limit) ?? 0) + 1);
  }

  /** Refusals so far, by the limit that was their reason. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refused;
  }

  authenticated(outcome: AuthOutcome, carrier: Carrier): void {
    this.#authentications.inc({ outcome, carrier });
  }

  /** A request was answered. */
  answered(route: string, status: number): void {
    this.#answers.inc({ route, status });
  }

  stop(): void {
    this.loop.stop();
  }
}
