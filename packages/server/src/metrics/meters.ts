import { Counter, Registry } from "prom-client";

/** What a credential turned out to be. */
export type AuthOutcome = "accepted" | "missing" | "invalid" | "expired" | "revoked" | "unreachable";
/** How a credential came. */
export type Carrier = "header" | "cookie" | "message" | "ticket" | "none";

/** What happens on one node, counted for whoever watches it. */
export class Meters {
  readonly registry = new Registry();
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

  /** A limit was the reason to refuse something. */
  refused(limit: string): void {
    this.#refusals.inc({ limit });
  }

  authenticated(outcome: AuthOutcome, carrier: Carrier): void {
    this.#authentications.inc({ outcome, carrier });
  }
}
