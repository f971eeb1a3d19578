export type LogLevel = "debug" | "info" | "warn" | "error";

/** One thing that happened; `message` is the same for each of its kind, what differs stands in the fields. */
export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly [field: string]: unknown;
}

export type Logger = (entry: LogEntry) => void;

/** Writes warnings and errors to stderr, one JSON object a line. */
export const stderrLogger: Logger = (entry) => {
  if (entry.level === "debug" || entry.level === "info") return;
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...entry })}\n`);
};

/** What was thrown as a field: with its stack and its causes where it has them, on one line. */
export function thrownField(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const own = thrown.stack ?? `${thrown.name}: ${thrown.message}`;
  return thrown.cause === undefined ? own : `${own}\ncaused by ${thrownField(thrown.cause)}`;
}
