/** What a client may do after an outcome: the same again, with a new token, or not unchanged. */
export type Retry = "retry" | "reauthenticate" | "never";

interface Outcome {
  readonly status: number;
  readonly closeCode: number;
  readonly retry: Retry;
  readonly title: string;
}

function outcome(status: number, retry: Retry, title: string, closeCode = 4000 + status): Outcome {
  return { status, closeCode, retry, title };
}

/** Every outcome by its stable code. Rule ERR-1; the table in PROTOCOL.md is compared with this one. */
export const outcomes = {
  bad_request: outcome(400, "never", "The request is malformed"),
  bad_channel: outcome(400, "never", "The channel name is illegal"),
  bad_cursor: outcome(400, "never", "The cursor is malformed"),
  bad_parameter: outcome(400, "never", "A parameter is unknown, repeated or out of range"),
  bad_json: outcome(400, "never", "The text is not JSON"),
  bad_utf8: outcome(400, "never", "The text is not UTF-8", 1007),
  bad_event: outcome(400, "never", "The event is illegal"),
  bad_message: outcome(400, "never", "The message is malformed or out of turn"),
  unknown_message: outcome(400, "never", "The message has an unknown type"),
  unsupported_subprotocol: outcome(400, "never", "No offered subprotocol is spoken here"),
  unauthenticated: outcome(401, "reauthenticate", "A valid credential is needed"),
  token_expired: outcome(401, "reauthenticate", "The token has expired"),
  token_revoked: outcome(401, "reauthenticate", "The token was revoked"),
  forbidden: outcome(403, "never", "This principal may not do this"),
  not_found: outcome(404, "never", "There is nothing at this path"),
  method_not_allowed: outcome(405, "never", "This path has other methods"),
  not_acceptable: outcome(406, "never", "No offered media type fits"),
  timed_out: outcome(408, "retry", "The peer was too slow"),
  already_subscribed: outcome(409, "never", "The channel is already subscribed"),
  not_subscribed: outcome(409, "never", "The channel is not subscribed"),
  channel_closed: outcome(409, "never", "The channel takes no more events"),
  precondition_failed: outcome(412, "never", "The head is another one"),
  too_large: outcome(413, "never", "A size limit is exceeded", 1009),
  unsupported_media_type: outcome(415, "never", "The media type is missing or not accepted here"),
  too_many_subscriptions: outcome(429, "never", "The session holds as many subscriptions as it may"),
  rate_limited: outcome(429, "retry", "Too much in too short a time"),
  too_many_connections: outcome(429, "retry", "As many connections as one client may have"),
  headers_too_large: outcome(431, "never", "The headers exceed their limit"),
  internal: outcome(500, "retry", "A fault of the server", 1011),
  unsupported: outcome(501, "never", "The configured broker cannot do this"),
  overloaded: outcome(503, "retry", "A limit of this node is reached", 1013),
  draining: outcome(503, "retry", "This node is going away", 1012),
  broker_unavailable: outcome(503, "retry", "The log cannot be reached right now", 1013),
  auth_unavailable: outcome(
    503,
    "retry",
    "Who this is, or what they may do, cannot be found out right now",
    1013,
  ),
} as const satisfies Record<string, Outcome>;

export type ErrorCode = keyof typeof outcomes;

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === "string" && Object.hasOwn(outcomes, text);
}

export interface HoldfastErrorOptions {
  readonly cause?: unknown;
  readonly cursor?: string;
  readonly retryAfterMs?: number;
  readonly limit?: string;
}

/** An outcome with the sentence that says what happened and what to do. */
export class HoldfastError extends Error {
  override readonly name = "HoldfastError";
  readonly code: ErrorCode;
  /** The head, where the outcome is `precondition_failed`. */
  readonly cursor: string | undefined;
  /** When trying again may help, in ms from now, where the server chose a time. */
  readonly retryAfterMs: number | undefined;
  /** The setting that was the reason, where it was a limit: a name of `Limits`, or the setting's path. Rule BND-2. */
  readonly limit: string | undefined;

  constructor(code: ErrorCode, detail?: string, options: HoldfastErrorOptions = {}) {
    super(detail ?? `${outcomes[code].title}.`, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.cursor = options.cursor;
    this.retryAfterMs = options.retryAfterMs;
    this.limit = options.limit;
  }

  get status(): number {
    return outcomes[this.code].status;
  }

  get closeCode(): number {
    return outcomes[this.code].closeCode;
  }

  get retry(): Retry {
    return outcomes[this.code].retry;
  }
}

/** Anything thrown, as an outcome; what is not one is `internal`, and its own text stays inside. */
export function toHoldfastError(thrown: unknown): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown;
  return new HoldfastError("internal", undefined, { cause: thrown });
}

/** The body of an error answer. RFC 9457; rule HTTP-1. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly retry: Retry;
  readonly cursor?: string;
  readonly retryAfterMs?: number;
  readonly limit?: string;
}

export function toProblem(error: HoldfastError): Problem {
  const { status, title, retry } = outcomes[error.code];
  return {
    type: `urn:holdfast:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    retry,
    ...(error.cursor === undefined ? {} : { cursor: error.cursor }),
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.limit === undefined ? {} : { limit: error.limit }),
  };
}
