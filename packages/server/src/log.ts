export type LogLevel = "debug" | "info" | "warn" | "error";

/** One thing that happened; `message` is the same for each of its kind, what differs stands in the fields. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly [field: string]: unknown;
}

export type Logger = (entry: LogEntry) => void;

/** From what is said least. */
export const logLevels = ["debug", "info", "warn", "error"] as const satisfies LogLevel[];

/** Whether a log that begins at `from` has entries of this level. */
export function logsAt(from: LogLevel, level: LogLevel): boolean {
  return logLevels.indexOf(level) >= logLevels.indexOf(from);
}

/** Writes to stderr, one JSON object a line. */
export const stderrLogger: Logger = (entry) => {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
};

/**
 * Passes on the entries of a level and above, all that are for the record (`audit`), and nothing in them that is a
 * credential. None is put there on purpose: what an application throws, or a client writes, may hold one.
 */
export function guardLog(logger: Logger, from: LogLevel): Logger {
  return (entry) => {
    if (logsAt(from, entry.level) || entry["audit"] === true) logger(redact(entry) as LogEntry);
  };
}

const secrets: readonly (readonly [pattern: RegExp, instead: string])[] = [
  // Looked for once in each run of these characters, and not from every place in it: what a stranger wrote may be long.
  [/(?<![\w-])(?=([\w-]*?)\beyJ)\1eyJ[\w-]+\.[\w-]+\.[\w-]*/g, "$1[redacted]"],
  [/\bhfk_[\w.-]+/g, "[redacted]"],
  [/(?<![\w-])[\w-]{43}\.[a-z0-9]+-\d+\b/g, "[redacted]"],
  [/\b(Bearer|Basic) +[^\s"',;]+/gi, "$1 [redacted]"],
  [/([?&](?:ticket|token|access_token|api_key|key)=)[^&\s"']+/gi, "$1[redacted]"],
  [/\b((?:set-)?cookie["']?\s*[:=]\s*["']?)[^\s"',][^\n"']*/gi, "$1[redacted]"],
];

/** A value of JSON without what looks like a credential. */
function redact(value: unknown): unknown {
  if (typeof value === "string") {
    let text = value;
    for (const [pattern, instead] of secrets) text = text.replace(pattern, instead);
    return text;
  }
  if (Array.isArray(value)) return value.map(redact);
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, redact(member)]));
}

/** What was thrown as a field: with its stack and its causes where it has them, on one line. */
export function thrownField(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const own = thrown.stack ?? `${thrown.name}: ${thrown.message}`;
  return thrown.cause === undefined ? own : `${own}\ncaused by ${thrownField(thrown.cause)}`;
}
