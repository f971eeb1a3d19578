import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  type Command,
  help,
  type MeasureCommand,
  readCommand,
  resultsFolder,
  UsageError,
} from "./command.ts";
import type { Peer } from "./peer.ts";
import { peers } from "./peers/index.ts";
import { readResults, summariseAll, updatePageFile, writeReport } from "./report/report.ts";
import type { Run } from "./result.ts";
import { runScenario } from "./run.ts";
import { scenarios } from "./scenarios/index.ts";

const performancePage = join(import.meta.dirname, "../docs/performance.md");
const number = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

function list(): void {
  console.log("Scenarios");
  for (const { name, title } of scenarios) console.log(`  ${name.padEnd(18)} ${title}`);
  console.log("Peers");
  for (const peer of peers) {
    const absence = peer.absence?.();
    console.log(`  ${peer.name.padEnd(18)} ${peer.title}${absence === undefined ? "" : ` (no: ${absence})`}`);
  }
}

function tell({ run, peer, trial, observations, failure }: Run): void {
  console.log(`${run} ${peer}, ${trial}${failure === undefined ? "" : `: FAILED, ${failure}`}`);
  for (const { case: name, figures, notes } of observations) {
    const told = Object.entries(figures).map(([measure, value]) => `${measure} ${number.format(value)}`);
    console.log(`    ${name}: ${[...told, ...notes].join(", ")}`);
  }
}

function profiling(folder: string | undefined): (peer: Peer) => readonly string[] {
  if (folder === undefined) return () => [];
  const path = resolve(folder);
  return ({ name }) => [
    "--cpu-prof",
    `--cpu-prof-dir=${path}`,
    `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`,
  ];
}

async function measure(command: MeasureCommand): Promise<void> {
  const { runs, scale, windowMs, out } = command;
  mkdirSync(out, { recursive: true });
  const size = { scale, windowMs, warmUpMs: Math.min(300, windowMs / 4) };
  for (const scenario of command.scenarios) {
    console.log(`\n${scenario.title}`);
    const execArgv = profiling(command.profile);
    const result = await runScenario(scenario, command.peers, { size, runs, execArgv, onRun: tell });
    for (const { peer, trial, reason } of result.refusals) {
      console.log(`no ${peer}${trial === undefined ? "" : `, ${trial}`}: ${reason}`);
    }
    writeFileSync(join(out, `${scenario.name}.json`), `${JSON.stringify(result, undefined, 1)}\n`);
    if (result.runs.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
  }
}

function report(folders: readonly string[], out: string): void {
  const summaries = summariseAll(readResults(folders), scenarios, peers);
  writeReport(summaries, out);
  // Only what is kept in the repository is quoted by its documentation.
  if (resolve(out) === resolve(resultsFolder)) updatePageFile(performancePage, summaries);
  console.log(`\nThe report is in ${join(out, "README.md")}.`);
}

async function obey(command: Command): Promise<void> {
  switch (command.kind) {
    case "help":
      console.log(help);
      return;
    case "list":
      list();
      return;
    case "report":
      report(command.folders.length === 0 ? [command.out] : command.folders, command.out);
      return;
    case "measure":
      await measure(command);
      report([command.out], command.out);
  }
}

try {
  await obey(readCommand(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`${error.message}\n\n${help}`);
  process.exitCode = 2;
}
