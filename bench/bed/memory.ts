import { globSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const settlingMs = 250;

function statusBytes(pid: number, name: string): number {
  return bytesOf(readProcess(pid, "status"), name);
}

/** A line such as `VmRSS:  1234 kB`, in bytes. */
function bytesOf(lines: string, name: string): number {
  const [, kibibytes] = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(lines) ?? [];
  return Number(kibibytes ?? 0) * 1024;
}

/** Throws where the system does not tell in this way. */
function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch (error) {
    throw new Error("The resident memory of a process can be read on Linux alone.", { cause: error });
  }
}

/** A process and all that it started. */
export function familyOf(pid: number): readonly number[] {
  const childrenOf = new Map<number, number[]>();
  for (const path of globSync("/proc/[0-9]*/stat")) {
    const [child, parent] = parentage(path);
    if (child === undefined || parent === undefined) continue;
    const siblings = childrenOf.get(parent) ?? [];
    childrenOf.set(parent, [...siblings, child]);
  }
  const family = [pid];
  for (const member of family) family.push(...(childrenOf.get(member) ?? []));
  return family;
}

function parentage(path: string): [number, number] | [] {
  try {
    const line = readFileSync(path, "utf8");
    const [, parent = ""] = line.slice(line.lastIndexOf(")") + 2).split(" ");
    return [Number.parseInt(line, 10), Number(parent)];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

/** What a process and all that it started have in memory, in bytes. Buffers of the kernel are not part of it. */
export function residentBytes(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + statusBytes(member, "VmRSS"), 0);
}

/** The same, but a page that several processes share counts once among them. */
export function proportionalBytes(pid: number): number {
  return familyOf(pid).reduce((sum, member) => {
    const rollup = readProcess(member, "smaps_rollup");
    return sum + bytesOf(rollup, "Pss");
  }, 0);
}

/** Resident memory once it has stopped falling and rising, or after so long. */
export async function settledResidentBytes(pid: number, timeoutMs: number): Promise<number> {
  const deadline = performance.now() + timeoutMs;
  let before = residentBytes(pid);
  for (let calm = 0; calm < 4 && performance.now() < deadline; ) {
    await sleep(Math.min(settlingMs, timeoutMs));
    const now = residentBytes(pid);
    calm = Math.abs(now - before) < before * 0.005 ? calm + 1 : 0;
    before = now;
  }
  return before;
}

/** Begins to look for the most that a process has in memory at a time; returns what tells it, in bytes. */
export function startPeak(pid: number): () => number {
  // Resets VmHWM: proc(5).
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  return () => statusBytes(pid, "VmHWM");
}
