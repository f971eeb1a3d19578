import { HoldfastError } from "@holdfast/protocol";

export type Action = "read" | "publish" | "presence" | "signal" | "admin";

/** What somebody may do, and where. */
export interface Grant {
  readonly actions: readonly Action[];
  /** Patterns: `*` is any run of characters but `:`, `**` any run at all, `{user}` the id of who asks. */
  readonly channels: readonly string[];
}

/** Who a client is. */
export interface Principal {
  /** The user id that events carry as `from`; absent for an anonymous client. */
  readonly user?: string;
  /** When it ceases to be valid, in ms since 1970. */
  readonly expiresAt?: number;
  /** When its token was issued, in ms since 1970: what is revoked for a user is what was issued before. */
  readonly issuedAt?: number;
  /** Its token's own id, the claim `jti`, by which that one can be revoked. */
  readonly tokenId?: string;
  /** The application's session with its user, the claim `sid`, by which all tokens of that can be revoked. */
  readonly session?: string;
  readonly grants?: readonly Grant[];
}

/** Whether the principal's time is not over. */
export function isCurrent({ expiresAt }: Principal, now: number): boolean {
  return expiresAt === undefined || now < expiresAt;
}

/** Throws `token_expired` when the principal's time is over. Rule EXP-3. */
export function checkCurrent(principal: Principal, now: number): void {
  if (isCurrent(principal, now)) return;
  throw new HoldfastError("token_expired", "The token has expired. Come back with a new one.");
}

/** What somebody is told who may not do this. */
export function notPermitted(action: Action, channel: string): HoldfastError {
  return new HoldfastError("forbidden", `You may not ${action} ${channel}.`);
}

const userIdLengthMax = 256;

/** Whether a text can be a user id, which every reader of an event sees as `from`. Rule AUTH-4. */
export function isUserId(text: unknown): text is string {
  if (typeof text !== "string" || text.length === 0 || text.length > userIdLengthMax) return false;
  return text.isWellFormed() && !/\p{Cc}/u.test(text);
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
