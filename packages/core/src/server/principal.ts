export type Action = "read" | "publish" | "presence" | "signal" | "admin";

/** Who a client is. */
export interface Principal {
  /** The user id that events carry as `from`; absent for an anonymous client. */
  readonly user?: string;
  /** When it ceases to be valid, in ms since 1970. */
  readonly expiresAt?: number;
}

/** Who may come in, and what they may do. */
export interface Gate {
  /** Resolves a token, or its absence, to a principal; throws `unauthenticated`. */
  authenticate(token: string | undefined): Principal | Promise<Principal>;
  authorize(principal: Principal, action: Action, channel: string): boolean | Promise<boolean>;
}

/** Lets anybody do anything: for a node that only its own machine can reach. */
export const openGate: Gate = {
  authenticate: () => ({}),
  authorize: () => true,
};
