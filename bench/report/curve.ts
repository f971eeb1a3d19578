import type { Peer } from "../peer.ts";
import type { Measure } from "../scenario.ts";
import { formatShort } from "./spread.ts";
import type { CaseSummary } from "./summary.ts";
import { element, text } from "./svg.ts";

interface Line {
  readonly peer: Peer;
  /** A median a case; undefined where there is none. */
  readonly values: readonly (number | undefined)[];
}

const left = 60;
const height = 300;
const lineGap = 15;

/** Height of what `drawCurve` draws. */
export const curveHeight = height + 70;

/** A line a peer, through its medians in each case in turn. */
export function drawCurve(
  cases: readonly CaseSummary[],
  { name: measure, title, unit }: Measure,
  width: number,
): string {
  const lines = linesOf(cases, measure);
  const most = Math.max(
    ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)),
    Number.MIN_VALUE,
  );
  const right = width - 210;
  const x = (index: number) => round(left + (index / Math.max(1, cases.length - 1)) * (right - left));
  const y = (value: number) => round(height - (value / most) * (height - 40));
  const labels = spaced(lines.map(({ values }) => y(values.at(-1) ?? 0)));
  return [
    text(0, 16, "panel", `${title}, ${unit}`),
    ...[0, 0.5, 1].map((share) => drawLevel(y(share * most), right, share * most)),
    ...cases.map(({ name }, index) => text(x(index), height + 20, "muted middle", name)),
    ...lines.map(({ peer, values }, index) => {
      const points = values.flatMap((value, at) => (value === undefined ? [] : [`${x(at)},${y(value)}`]));
      const kind = peer.isOurs === true ? "ours" : peer.isLimit === true ? "limit" : "other";
      return (
        element("polyline", { class: `curve ${kind}-curve`, points: points.join(" ") }) +
        text(right + 8, labels[index] ?? 0, "muted", `${peer.name} ${formatShort(values.at(-1) ?? 0)}`)
      );
    }),
  ].join("\n");
}

function linesOf(cases: readonly CaseSummary[], measure: string): Line[] {
  const peers = [...new Set(cases.flatMap(({ rows }) => rows.map(({ peer }) => peer)))];
  return peers.map((peer) => ({
    peer,
    values: cases.map(({ rows }) => rows.find((row) => row.peer === peer)?.cells.get(measure)?.spread.median),
  }));
}

function drawLevel(y: number, right: number, value: number): string {
  return (
    element("line", { class: "axis", x1: left, x2: right, y1: y, y2: y }) +
    text(left - 8, y + 4, "end", formatShort(value))
  );
}

/** Moves labels apart that would stand on each other, in the order of their heights. */
function spaced(heights: readonly number[]): number[] {
  const order = heights.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at);
  const placed: number[] = [];
  let least = Number.NEGATIVE_INFINITY;
  for (const { at, index } of order) {
    least = Math.max(at + 4, least + lineGap);
    placed[index] = least;
  }
  return placed;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
