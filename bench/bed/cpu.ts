import { readFileSync } from "node:fs";

/** Of Linux on every machine that Node runs on. */
const ticksPerSecond = 100;

/** User and system time that a process has used, in seconds; undefined where the system does not tell in this way. */
export function cpuSecondsOf(pid: number): number | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may hold anything.
    const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
  } catch {
    return undefined;
  }
}

/** Reads a clock of processor time for several processes together; returns what tells the seconds since. */
export function startCpuClock(pids: readonly number[]): () => number | undefined {
  const before = sum(pids);
  return () => {
    const now = sum(pids);
    return before === undefined || now === undefined ? undefined : now - before;
  };
}

function sum(pids: readonly number[]): number | undefined {
  let total = 0;
  for (const pid of pids) {
    const seconds = cpuSecondsOf(pid);
    if (seconds === undefined) return undefined;
    total += seconds;
  }
  return total;
}
