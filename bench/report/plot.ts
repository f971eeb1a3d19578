import type { Peer } from "../peer.ts";
import type { Measure } from "../scenario.ts";
import { curveHeight, drawCurve } from "./curve.ts";
import { formatFigure, formatShort, type Spread } from "./spread.ts";
import type { Cell, Summary } from "./summary.ts";
import { element, escaped, text } from "./svg.ts";

interface Bar {
  readonly peer: Peer;
  readonly cell: Cell;
}

interface Panel {
  readonly title: string;
  readonly measure: Measure;
  readonly bars: readonly Bar[];
}

const panelWidth = 440;
const margin = 16;
const nameWidth = 128;
const valueWidth = 132;
const barHeight = 13;
const rowHeight = 21;
const titleHeight = 54;
const panelTitleHeight = 30;
const legendHeight = 54;

// What a page shows around the picture is not known: it brings its own background, light or dark as the reader has it.
const style = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 } .panel { font-weight: 600 } .muted { fill: #59636e }
.end { text-anchor: end } .ground { fill: #ffffff } .axis { stroke: #d1d9e0 } .range { stroke: #1f2328 }
.middle { text-anchor: middle } .curve { fill: none; stroke-width: 2 } .limit-curve { stroke: #818b98; stroke-dasharray: 3 2 }
.ours-curve { stroke: #0969da } .other-curve { stroke: #9aa4af }
.ours { fill: #0969da } .other { fill: #9aa4af } .limit { fill: none; stroke: #818b98; stroke-dasharray: 3 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .muted { fill: #9198a1 } .ground { fill: #0d1117 } .axis { stroke: #3d444d } .range { stroke: #e6edf3 }
.ours-curve { stroke: #388bfd } .other-curve { stroke: #6e7681 } .limit-curve { stroke: #9198a1 }
.ours { fill: #388bfd } .other { fill: #6e7681 } .limit { stroke: #9198a1 }
}`;

/** A picture of all that a scenario plots: a panel a case and measure, a bar a peer. */
export function plot({ scenario, cases }: Summary): string {
  const measures = scenario.measures.filter(({ name }) => scenario.plotted.includes(name));
  const panels = cases.flatMap(({ name, rows }) =>
    measures.map((measure): Panel => {
      const bars = rows.flatMap(({ peer, cells }) => {
        const cell = cells.get(measure.name);
        return cell === undefined ? [] : [{ peer, cell }];
      });
      return { title: `${name}: ${measure.title}`, measure, bars };
    }),
  );
  // Measures of one case stand side by side; where there is one measure, cases do.
  const columns = measures.length > 1 ? Math.min(3, measures.length) : 2;
  const width = margin + columns * (panelWidth + margin);
  let y = titleHeight;
  const drawn: string[] = [];
  if (scenario.isCurve === true) {
    for (const measure of measures) {
      const curve = drawCurve(cases, measure, width - 2 * margin);
      drawn.push(element("g", { transform: `translate(${margin} ${y})` }, curve));
      y += curveHeight;
    }
    panels.length = 0;
  }
  for (let first = 0; first < panels.length; first += columns) {
    const row = panels.slice(first, first + columns);
    for (const [column, panel] of row.entries()) {
      const x = margin + column * (panelWidth + margin);
      drawn.push(element("g", { transform: `translate(${x} ${y})` }, drawPanel(panel)));
    }
    y += panelTitleHeight + Math.max(...row.map(({ bars }) => bars.length)) * rowHeight + margin;
  }
  const height = y + legendHeight;
  const picture = [
    element("style", {}, style),
    element("rect", { class: "ground", width, height }),
    text(margin, 32, "title", scenario.title),
    ...drawn,
    ...(scenario.isCurve === true ? [] : [drawLegend(y)]),
  ].join("\n");
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
  };
  return `${element("svg", attributes, `\n${element("title", {}, escaped(scenario.title))}\n${picture}\n`)}\n`;
}

function drawPanel({ title, measure, bars }: Panel): string {
  const most = Math.max(...bars.map(({ cell }) => cell.spread.max), Number.MIN_VALUE);
  const width = panelWidth - nameWidth - valueWidth;
  const scale = (value: number) => Math.round((value / most) * width * 10) / 10;
  const height = bars.length * rowHeight;
  return [
    text(
      0,
      16,
      "panel",
      `${title}${measure.unit === "" || measure.unit === "/s" ? "" : `, ${measure.unit}`}`,
    ),
    element("line", {
      class: "axis",
      x1: nameWidth,
      x2: nameWidth,
      y1: panelTitleHeight - 4,
      y2: panelTitleHeight + height,
    }),
    ...bars.map((bar, index) => drawBar(bar, panelTitleHeight + index * rowHeight, scale)),
  ].join("\n");
}

function drawBar({ peer, cell }: Bar, y: number, scale: (value: number) => number): string {
  const { spread, ratio } = cell;
  const kind = peer.isOurs === true ? "ours" : peer.isLimit === true ? "limit" : "other";
  const middle = y + barHeight / 2;
  const ends = nameWidth + Math.max(scale(spread.max), scale(spread.median)) + 6;
  const times = ratio === undefined ? "" : `  × ${formatFigure(ratio.spread.median)}`;
  const baseline = y + barHeight - 2.5;
  return [
    text(nameWidth - 8, baseline, "end", peer.name),
    element("rect", {
      class: kind,
      x: nameWidth,
      y,
      width: Math.max(1, scale(spread.median)),
      height: barHeight,
    }),
    drawRange(spread, middle, scale),
    text(ends, baseline, "muted", `${formatShort(spread.median)}${times}`),
  ].join("");
}

function drawRange({ min, max, runs }: Spread, y: number, scale: (value: number) => number): string {
  if (runs === 1) return "";
  return element("line", {
    class: "range",
    x1: nameWidth + scale(min),
    x2: nameWidth + scale(max),
    y1: y,
    y2: y,
  });
}

function drawLegend(y: number): string {
  const entries = [
    ["ours", "Holdfast"],
    ["other", "peer"],
    ["limit", "what bare sockets allow"],
  ] as const;
  let x = margin;
  const drawn = entries.map(([kind, title]) => {
    const entry =
      element("rect", { class: kind, x, y: y + 3, width: 22, height: 11 }) +
      text(x + 28, y + 13, "muted", title);
    x += 52 + title.length * 7;
    return entry;
  });
  const rest = text(
    margin,
    y + 35,
    "muted",
    "bar: median; line: least to greatest; ×: ratio to the base (the bar without one) of the transport, turn by turn",
  );
  return [...drawn, rest].join("");
}
