import type { Figures } from "../sources/machine.ts";
import { listening } from "./connections.ts";
import { create, find } from "./find.ts";
import { formatBytes } from "./format.ts";
import { Sparkline } from "./sparkline.ts";
import { follow } from "./visitor/following.ts";
import { Vitals } from "./vitals.ts";

interface Reading {
  readonly value: number;
  /** What fills the height of the line. */
  readonly ceiling: number;
  readonly text: string;
  readonly remark: string;
}

const readings: Readonly<Record<string, (figures: Figures) => Reading>> = {
  Processor: ({ cpu, processors }) => ({
    value: cpu,
    ceiling: 1,
    text: `${Math.round(cpu * 100)} %`,
    remark: `of ${processors} cores`,
  }),
  Memory: ({ memoryUsedBytes, memoryTotalBytes }) => ({
    value: memoryUsedBytes,
    ceiling: memoryTotalBytes,
    text: formatBytes(memoryUsedBytes),
    remark: `of ${formatBytes(memoryTotalBytes)}`,
  }),
  Load: ({ load, processors }) => ({
    value: load,
    ceiling: processors,
    text: load.toFixed(2),
    remark: "over a minute",
  }),
  "Event loop": ({ loopDelayMs }) => ({
    value: loopDelayMs,
    ceiling: 10,
    text: `${loopDelayMs.toFixed(1)} ms`,
    remark: "late, worst 1 %",
  }),
};

/** Shows this machine's figures as they come. */
export async function startMachine(): Promise<void> {
  const tiles = Object.entries(readings).map(([name, read]) => tile(name, read));
  find("#machine-tiles", HTMLElement).append(...tiles.map(({ element }) => element));
  const vitals = new Vitals(find("#machine-vitals", HTMLElement), listening);
  const show = (figures: Figures) => {
    for (const { update } of tiles) update(figures);
  };
  const startAnew = () => {
    for (const { line } of tiles) line.clear();
  };
  // #region read
  const machine = follow<Figures>(listening, "machine", {
    last: 60,
    onGap: startAnew,
  });
  for await (const event of machine) {
    show(event.data);
    vitals.took(event);
  }
  // #endregion
}

function tile(name: string, read: (figures: Figures) => Reading) {
  const element = create("div", "", "tile");
  const figure = create("p", "–");
  const line = new Sparkline();
  element.append(create("h3", name), figure, line.svg);
  const update = (figures: Figures) => {
    const { value, ceiling, text, remark } = read(figures);
    figure.replaceChildren(text, " ", create("small", remark));
    line.add(value, ceiling);
  };
  return { element, line, update };
}
