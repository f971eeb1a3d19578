/** The promises of DESIGN.md that are checked, and two that concern the checks themselves: `LIVE`, all heals; `WIRE`, what is said follows the protocol. */
export type Promised = "ORD" | "GAP" | "DUP" | "ACK" | "BND" | "AUTH" | "LIVE" | "WIRE";

/** A promise that was broken. */
export interface Violation {
  readonly promise: Promised;
  readonly what: string;
}

/** Hears of broken promises. */
export type Fail = (promise: Promised, what: string) => void;
