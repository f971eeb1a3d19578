import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release, totalmem, type } from "node:os";
import type { Peer } from "./peer.ts";

/** Where figures come from, and what they are of. */
export interface Origin {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  /** Of the packages that peers are made of, by name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly commit: string;
  /** The sources had changes that were not committed. */
  readonly isModified: boolean;
}

export function originOf(peers: readonly Peer[]): Origin {
  const processors = cpus();
  const packages = [...new Set(peers.flatMap((peer) => peer.packages))].sort();
  return {
    processor: processors[0]?.model ?? "unknown",
    cores: processors.length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    versions: Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
    commit: git("rev-parse", "--short=12", "HEAD") ?? "unknown",
    isModified: git("status", "--porcelain", "--untracked-files=no") !== "",
  };
}

const require = createRequire(import.meta.url);

/** Some packages export nothing but their code, so the manifest is looked for on the path of that. */
function versionOf(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      const manifest = JSON.parse(readFileSync(`${folder}/${name}/package.json`, "utf8")) as {
        version: string;
      };
      return manifest.version;
    } catch {
      // It lies in another of the folders.
    }
  }
  return "unknown";
}

function git(...args: string[]): string | undefined {
  try {
    const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
    return execFileSync("git", args, { cwd: import.meta.dirname, encoding: "utf8", stdio }).trim();
  } catch {
    return undefined;
  }
}
