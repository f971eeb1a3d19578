import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Collected } from "./collected.ts";

/** Runs curl and returns its lines as they come. */
export function curl(...args: readonly string[]) {
  const child = spawn("curl", ["--silent", "--show-error", "--no-buffer", "--max-time", "60", ...args]);
  const lines = new Collected<string>();
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  return { lines, exited: once(child, "close"), stop: () => child.kill() };
}
