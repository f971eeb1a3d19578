import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Peer } from "../peer.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { originSection, resultsPage, shortfallSection, targetSection } from "./markdown.ts";
import { plot } from "./plot.ts";
import { type Summary, summarise } from "./summary.ts";

/** Reads every result in these folders; throws a sentence for a folder that has none. */
export function readResults(folders: readonly string[]): Result[] {
  return folders.flatMap((folder) => {
    const files = globSync("*.json", { cwd: folder }).sort();
    if (files.length === 0) throw new Error(`There are no results in ${folder}; "npm run bench" makes some.`);
    return files.map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Result);
  });
}

/** Joins results by scenario, in the order of the scenarios. */
export function summariseAll(
  results: readonly Result[],
  scenarios: readonly Scenario[],
  peers: readonly Peer[],
): Summary[] {
  return scenarios.flatMap((scenario) => {
    const own = results.filter((result) => result.scenario === scenario.name);
    return own.length === 0 ? [] : [summarise(scenario, own, peers)];
  });
}

/** Writes the page of results and its pictures. */
export function writeReport(summaries: readonly Summary[], out: string): void {
  mkdirSync(out, { recursive: true });
  for (const summary of summaries) writeFileSync(join(out, `${summary.scenario.name}.svg`), plot(summary));
  writeFileSync(join(out, "README.md"), resultsPage(summaries));
}

/** Brings the measured parts of a page up to date: what stands between `<!-- measured NAME -->` and `<!-- /measured -->`. */
export function updatePage(page: string, summaries: readonly Summary[]): string {
  const parts: Readonly<Record<string, () => string>> = {
    origin: () => originSection(summaries),
    targets: () => targetSection(summaries),
    shortfalls: () => shortfallSection(summaries),
    plots: () => summaries.map(plotLink).join("\n\n"),
  };
  return page.replaceAll(
    /(<!-- measured (\w+) -->\n)[\s\S]*?(<!-- \/measured -->)/g,
    (_all, start: string, name: string, end: string) => {
      const part = parts[name];
      if (part === undefined)
        throw new Error(`The page asks for "${name}"; there are ${Object.keys(parts).join(", ")}.`);
      return `${start}${part()}\n${end}`;
    },
  );
}

function plotLink({ scenario }: Summary): string {
  return `### ${scenario.title}\n\n${scenario.about}\n\n![${scenario.title}](../bench/results/${scenario.name}.svg)`;
}

export function updatePageFile(path: string, summaries: readonly Summary[]): void {
  if (existsSync(path)) writeFileSync(path, updatePage(readFileSync(path, "utf8"), summaries));
}
