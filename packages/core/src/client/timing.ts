/** Every delay and limit of a client's connection, with its default. Times in milliseconds. */
export interface Timing {
  /** A candidate transport that has not been accepted, or has said nothing since, is given up after this. */
  readonly firstByteTimeoutMs: number;
  /** The first backoff lies between 0 and this; each further one doubles the bound. */
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** A server that asks for a longer delay is not obeyed to the letter: a mistake of one digit must not strand a client. */
  readonly serverDelayCapMs: number;
  /** A link that held this long proves that things are well again. */
  readonly stableMs: number;
  /** A recovery shorter than this is not reported as trouble. */
  readonly graceMs: number;
  /** How long a link that nobody uses is kept for the next user. */
  readonly lingerMs: number;
  /** What was found out about a transport is believed for this long. */
  readonly rememberMs: number;
  /** After a downgrade the better transports are tried at intervals that grow from the first to the second. */
  readonly climbMinMs: number;
  readonly climbMaxMs: number;
  /** A tick that comes this much later than its deadline means that the machine slept. */
  readonly jumpMs: number;
  /** After a sleep a link that seemed idle has this long to prove that it lives. */
  readonly verifyTimeoutMs: number;
  /** An application that was asked for a token, and gave none by then, is asked again. */
  readonly tokenTimeoutMs: number;
  /** How long before its token ends the next one is asked for; a quarter of its life where that is shorter. */
  readonly expiryNoticeMs: number;
  /** A publish that was not answered by then is reported as `timed_out`. */
  readonly publishTimeoutMs: number;
  /** How long a long poll is held, unless the heartbeat is shorter. */
  readonly waitMs: number;
}

export const defaultTiming: Timing = {
  firstByteTimeoutMs: 5_000,
  backoffBaseMs: 1_000,
  backoffCapMs: 30_000,
  serverDelayCapMs: 300_000,
  stableMs: 10_000,
  graceMs: 2_000,
  lingerMs: 1_000,
  rememberMs: 300_000,
  climbMinMs: 60_000,
  climbMaxMs: 600_000,
  jumpMs: 5_000,
  verifyTimeoutMs: 2_000,
  tokenTimeoutMs: 30_000,
  expiryNoticeMs: 30_000,
  publishTimeoutMs: 30_000,
  waitMs: 25_000,
};

/** The earliest of some moments; `Infinity` when there is none. */
export function earliest(...moments: readonly (number | undefined)[]): number {
  let first = Infinity;
  for (const moment of moments) if (moment !== undefined && moment < first) first = moment;
  return first;
}
