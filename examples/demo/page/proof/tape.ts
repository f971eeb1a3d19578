import { find } from "../find.ts";

/** Each column of the tape stands for this much of the ticker's time. */
const columnMs = 150;
const columnPx = 3;
/** A delay of this much fills the height; heights are logarithmic. */
const delayMsMax = 30_000;
const lateMs = 1000;
const columnsMax = 400;

type Kind = "prompt" | "late" | "gap" | "lost";

interface Column {
  /** Which column of time this is. */
  readonly index: number;
  readonly delayMs: number;
  readonly kind: Kind;
}

/** Worst first: a column shows the worst that happened in it. */
const severity: readonly Kind[] = ["lost", "gap", "late", "prompt"];

/** A lane's last half minute: when events were published, and how late they came. */
export class Tape {
  readonly #columns = new Map<number, Column>();

  arrived(at: number, delayMs: number): void {
    this.#mark(indexOf(at), delayMs >= lateMs ? "late" : "prompt", delayMs);
  }

  /** Nothing came of what was published between two moments. */
  missing(kind: "gap" | "lost", from: number, to: number): void {
    const last = indexOf(to);
    for (let index = Math.max(indexOf(from), last - columnsMax); index <= last; index++) {
      this.#mark(index, kind, delayMsMax);
    }
  }

  clear(): void {
    this.#columns.clear();
  }

  #mark(index: number, kind: Kind, delayMs: number): void {
    const known = this.#columns.get(index);
    const isWorse = known === undefined || severity.indexOf(kind) < severity.indexOf(known.kind);
    this.#columns.set(index, {
      index,
      kind: isWorse ? kind : known.kind,
      delayMs: Math.max(delayMs, known?.delayMs ?? 0),
    });
    if (this.#columns.size > columnsMax) {
      for (const old of this.#columns.keys()) {
        if (old < index - columnsMax) this.#columns.delete(old);
      }
    }
  }

  draw(canvas: HTMLCanvasElement, now: number, palette: Palette): void {
    const { clientWidth: width, clientHeight: height } = canvas;
    const context = canvas.getContext("2d");
    if (context === null || width === 0) return;
    const scale = window.devicePixelRatio;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const newest = indexOf(now);
    for (const { index, delayMs, kind } of this.#columns.values()) {
      const x = width - (newest - index + 1) * columnPx;
      if (x < 0) continue;
      const barHeight = Math.max(2, height * 0.96 * heightOf(delayMs));
      context.fillStyle = palette[kind];
      context.fillRect(x, height - barHeight, columnPx - 1, barHeight);
    }
  }
}

function indexOf(at: number): number {
  return Math.floor(at / columnMs);
}

function heightOf(delayMs: number): number {
  return Math.min(1, Math.log1p(Math.max(0, delayMs)) / Math.log1p(delayMsMax));
}

export type Palette = Readonly<Record<Kind, string>>;

/** The colours of the legend, which follow the theme. */
export function readPalette(legend: HTMLElement): Palette {
  const colour = (kind: Kind) =>
    getComputedStyle(find(`.key.${kind}`, HTMLElement, legend), "::before").backgroundColor;
  return { prompt: colour("prompt"), late: colour("late"), gap: colour("gap"), lost: colour("lost") };
}
