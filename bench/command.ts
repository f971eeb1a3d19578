import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Peer } from "./peer.ts";
import { peers as allPeers } from "./peers/index.ts";
import type { Scenario } from "./scenario.ts";
import { scenarios as allScenarios } from "./scenarios/index.ts";

export const help = `Measures Holdfast side by side with what could be used instead.

  npm run bench                        every scenario with every peer, then the report
  npm run bench -- fan-out latency     some scenarios
  npm run bench -- report [FOLDER…]    the report alone, from the results in these folders

  --list             says what scenarios and peers there are
  --peers a,b        only some peers
  --runs N           runs of each, by turns (3)
  --scale X          scales the numbers of readers, channels and connections (1)
  --seconds X        how long each window of measuring lasts (1)
  --out FOLDER       where results go (bench/results)
  --profile FOLDER   writes a CPU profile of each server there; the figures then count for little
  --help             says this
`;

/** What was written on the command line is wrong; the message says what would be right. */
export class UsageError extends Error {}

export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "list" }
  | { readonly kind: "report"; readonly folders: readonly string[]; readonly out: string }
  | MeasureCommand;

export interface MeasureCommand {
  readonly kind: "measure";
  readonly scenarios: readonly Scenario[];
  readonly peers: readonly Peer[];
  readonly runs: number;
  readonly scale: number;
  readonly windowMs: number;
  readonly out: string;
  readonly profile: string | undefined;
}

/** Where the results are that the repository keeps. */
export const resultsFolder = join(import.meta.dirname, "results");

const options = {
  list: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
  peers: { type: "string" },
  runs: { type: "string", default: "3" },
  scale: { type: "string", default: "1" },
  seconds: { type: "string", default: "1" },
  out: { type: "string", default: resultsFolder },
  profile: { type: "string" },
} as const;

/** Reads a command line; throws a `UsageError`. */
export function readCommand(args: readonly string[]): Command {
  const { values, positionals } = parse(args);
  if (values.help) return { kind: "help" };
  if (values.list) return { kind: "list" };
  const { out, profile } = values;
  if (positionals[0] === "report") return { kind: "report", folders: positionals.slice(1), out };
  const peerNames = values.peers?.split(",");
  return {
    kind: "measure",
    scenarios: positionals.length === 0 ? allScenarios : choose("scenario", allScenarios, positionals),
    peers: peerNames === undefined ? allPeers : choose("peer", allPeers, peerNames),
    runs: Math.round(readNumber("runs", values.runs, 1)),
    scale: readNumber("scale", values.scale, 0.0001),
    windowMs: readNumber("seconds", values.seconds, 0.01) * 1000,
    out,
    profile,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** In the order in which they are registered, whatever the order of the names. */
function choose<T extends { readonly name: string }>(
  kind: string,
  all: readonly T[],
  names: readonly string[],
): T[] {
  const unknown = names.find((name) => !all.some((one) => one.name === name));
  if (unknown === undefined) return all.filter(({ name }) => names.includes(name));
  throw new UsageError(
    `There is no ${kind} "${unknown}"; there are ${all.map(({ name }) => name).join(", ")}.`,
  );
}

function readNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= least) return value;
  throw new UsageError(`--${option} takes a number from ${least} up, not "${text}".`);
}
