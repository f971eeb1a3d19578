import type { Measure } from "../scenario.ts";
import { formatFigure, formatSpread } from "./spread.ts";
import {
  type CaseSummary,
  type Cell,
  type Row,
  type Shortfall,
  type Summary,
  shortfallsOf,
  type Verdict,
} from "./summary.ts";

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return "";
  const { spread, ratio } = cell;
  if (ratio === undefined) return formatSpread(spread);
  return `${formatSpread(spread)} × ${formatFigure(ratio.spread.median)} ${ratio.base}`;
}

function headOf({ title, unit }: Measure): string {
  return unit === "" || unit === "/s" ? title : `${title}, ${unit}`;
}

function caseTable({ name, rows }: CaseSummary, measures: readonly Measure[]): string {
  const head = ["peer", ...measures.map(headOf), ""];
  const line = ({ peer, cells, lost, notes }: Row) => [
    peer.name,
    ...measures.map((measure) => cellText(cells.get(measure.name))),
    [...(lost > 0 && !notes.some((note) => note.startsWith("lost")) ? [`lost ${lost}`] : []), ...notes].join(
      "; ",
    ),
  ];
  return `### ${name}\n\n${table(head, rows.map(line))}`;
}

/** One scenario: what it is, its picture, a table a case, and who could not. */
export function scenarioSection(summary: Summary): string {
  const { scenario, cases, refusals, failures } = summary;
  const parts = [
    `## ${scenario.title}`,
    scenario.about,
    `![${scenario.title}](${scenario.name}.svg)`,
    ...cases.map((one) => caseTable(one, scenario.measures)),
  ];
  if (refusals.length > 0) {
    const rows = refusals.map(({ peer, trial, reason }) => [peer, trial ?? "", `no: ${reason}`]);
    parts.push(`### Not measured\n\n${table(["peer", "where", "why"], rows)}`);
  }
  if (failures.length > 0)
    parts.push(`### Failed\n\n${failures.map((failure) => `- ${failure}`).join("\n")}`);
  return parts.join("\n\n");
}

/** Where the figures come from. */
export function originSection(summaries: readonly Summary[]): string {
  const rows = summaries.flatMap(({ scenario, origins }) =>
    origins.map(({ origin, options, startedAt }) => [
      scenario.name,
      startedAt.slice(0, 10),
      `${origin.commit}${origin.isModified ? ", modified" : ""}`,
      `${origin.processor}, ${origin.cores} cores, ${formatFigure(origin.memoryBytes / 2 ** 30)} GiB, ${origin.system}`,
      [`Node ${origin.node}`, ...Object.entries(origin.versions).map((one) => one.join(" "))].join(", "),
      `${options.runs} runs of ${options.windowMs / 1000} s, scale ${options.scale}`,
    ]),
  );
  return table(["scenario", "date", "commit", "machine", "versions", "runs"], rows);
}

function bound({ target: { atLeast, atMost } }: Verdict): string {
  if (atLeast !== undefined) return `≥ ${formatFigure(atLeast)}`;
  return atMost === undefined ? "" : `≤ ${formatFigure(atMost)}`;
}

/** What was to be reached, and whether it was. */
export function targetSection(summaries: readonly Summary[]): string {
  const rows = summaries.flatMap(({ verdicts }) =>
    verdicts.map((verdict) => [
      verdict.target.text,
      bound(verdict),
      verdict.reached === undefined ? "not measured" : formatSpread(verdict.reached),
      verdict.isMet === undefined ? "" : verdict.isMet ? "met" : "**missed**",
    ]),
  );
  return table(["target", "", "measured", ""], rows);
}

/** Where something else did better, against the same transport of ours. */
export function shortfallSection(summaries: readonly Summary[]): string {
  const shortfalls = summaries.flatMap((summary) =>
    shortfallsOf(summary).map((one) => ({ summary, ...one })),
  );
  if (shortfalls.length === 0) return "Nowhere, in what was measured.";
  const times = ({ own, better, measure }: Shortfall) =>
    measure.better === "less" ? own.median / better.median : better.median / own.median;
  const rows = shortfalls.map(({ summary, ...one }) => [
    `${summary.scenario.name}: ${one.case}`,
    headOf(one.measure),
    `${one.ours.name} ${formatFigure(one.own.median)}`,
    `${one.other.name} ${formatFigure(one.better.median)}${one.other.isLimit === true ? " (limit)" : ""}`,
    `${formatFigure(times(one))} times`,
  ]);
  return table(["case", "measure", "Holdfast", "better", "by"], rows);
}

/** The whole page of results. */
export function resultsPage(summaries: readonly Summary[]): string {
  const targets = summaries.some(({ verdicts }) => verdicts.length > 0)
    ? ["## Targets", targetSection(summaries)]
    : [];
  const parts = [
    "# Results",
    "Made by `npm run bench -- report` from the JSON files beside this page; [how it measures, and how to read it](../README.md). A figure is the median of the runs, with the least and the greatest in parentheses; `×` is its ratio to the named base, the median of those of each turn.",
    originSection(summaries),
    ...targets,
    ...summaries.map(scenarioSection),
  ];
  return `${parts.join("\n\n")}\n`;
}
