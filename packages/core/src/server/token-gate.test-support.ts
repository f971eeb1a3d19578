import { HoldfastError } from "@holdfast/protocol";
import type { Gate, Principal } from "./principal.ts";

/** Knows tokens, and answers at once or when the test says. */
export class TokenGate implements Gate {
  readonly principals = new Map<string | undefined, Principal>([["good", { user: "ada" }]]);
  readonly asked: (string | undefined)[] = [];
  readonly waiting: (() => void)[] = [];
  isSlow = false;
  may: (principal: Principal, channel: string) => boolean = () => true;

  async authenticate(token: string | undefined): Promise<Principal> {
    this.asked.push(token);
    if (this.isSlow) await new Promise<void>((resolve) => this.waiting.push(resolve));
    const principal = this.principals.get(token);
    if (principal === undefined) throw new HoldfastError("unauthenticated", "The token is not valid.");
    return principal;
  }

  authorize(principal: Principal, _action: string, channel: string): boolean {
    return this.may(principal, channel);
  }
}
