import { styleText } from "node:util";
import type { LogEntry, Logger, LogLevel } from "@holdfast/server";
import { showable } from "./terminal.ts";

export const logFormats = ["pretty", "json", "silent"] as const;
export type LogFormat = (typeof logFormats)[number];

/** From what is said least. */
export const logLevels = ["debug", "info", "warn", "error"] as const satisfies LogLevel[];

const colors: Record<LogLevel, "gray" | "green" | "yellow" | "red"> = {
  debug: "gray",
  info: "green",
  warn: "yellow",
  error: "red",
};

/** Writes log entries of a level and above to stderr, and all that are for the record. */
export function loggerFor(format: LogFormat, from: LogLevel = "info"): Logger {
  if (format === "silent") return () => {};
  const line = format === "json" ? jsonLine : prettyLine;
  const isWanted = ({ level, audit }: LogEntry) =>
    audit === true || logLevels.indexOf(level) >= logLevels.indexOf(from);
  return (entry) => {
    if (isWanted(entry)) process.stderr.write(`${line(entry, new Date())}\n`);
  };
}

/** One JSON object, for machines. */
export function jsonLine(entry: LogEntry, at: Date): string {
  return JSON.stringify({ time: at.toISOString(), ...entry });
}

/** One line for people, and more where a field says more; with nothing in it that a terminal would obey. */
export function prettyLine({ level, message, ...fields }: LogEntry, at: Date): string {
  const time = styleText("gray", at.toTimeString().slice(0, 8), { stream: process.stderr });
  const label = styleText(colors[level], level.padEnd(5), { stream: process.stderr });
  const details = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
  return `${time} ${label} ${showable(`${message}${details.join("")}`)}`;
}

function fieldText(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value) ?? String(value);
  if (value.includes("\n")) return value.replaceAll("\n", "\n  ");
  return /[\s"]/.test(value) ? JSON.stringify(value) : value;
}
