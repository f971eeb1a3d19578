import { create, find } from "../find.ts";
import { formatCount } from "../format.ts";
import type { Lane } from "./lane.ts";
import { type Palette, readPalette } from "./tape.ts";
import { judge, type Verdict } from "./verdict.ts";

const tapeEveryMs = 150;
const calmTapeEveryMs = 1000;
const figuresEveryMs = 300;

/** Draws what the lanes have seen, again and again, and says what follows from it. */
export class Report {
  readonly #lanes: readonly Lane[];
  readonly #verdict = find("#verdict", HTMLElement);
  readonly #news = find("#verdict-news", HTMLElement);
  readonly #legend = find("#legend", HTMLElement);
  readonly #rows: readonly Row[];
  #newest = 0;

  constructor(lanes: readonly Lane[]) {
    this.#lanes = lanes;
    this.#rows = lanes.map(({ plan }) => new Row(plan.label));
    find("#five tbody", HTMLElement).append(...this.#rows.map(({ element }) => element));
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    setInterval(() => this.#drawTapes(), isCalm ? calmTapeEveryMs : tapeEveryMs);
    setInterval(() => this.#showFigures(), figuresEveryMs);
  }

  /** A line that nobody breaks has brought this number: lanes that have less are behind. */
  published(number: number): void {
    this.#newest = Math.max(this.#newest, number);
  }

  /** The numbers may start again from 1. */
  publishedAnew(): void {
    this.#newest = 0;
  }

  recount(): void {
    for (const lane of this.#lanes) lane.recount();
    this.#showFigures();
  }

  #drawTapes(): void {
    if (document.hidden) return;
    const palette: Palette = readPalette(this.#legend);
    const now = Date.now();
    for (const [index, { tape, card }] of this.#lanes.entries()) {
      const strip = this.#rows[index]?.strip;
      tape.draw(card.canvas, now, palette);
      if (strip !== undefined) tape.draw(strip, now, palette);
    }
  }

  #showFigures(): void {
    const newest = this.#newest;
    for (const [index, lane] of this.#lanes.entries()) {
      lane.show(newest);
      const { seen, lost, repeated } = lane.ledger.judgement;
      this.#rows[index]?.show(seen, lost, repeated);
    }
    this.#showVerdict(judge(this.#lanes.map((lane) => lane.standing(newest))));
  }

  #showVerdict({ kind, sentence, detail }: Verdict): void {
    this.#verdict.replaceChildren(sentence, create("small", detail));
    if (this.#verdict.dataset.verdict === kind) return;
    this.#verdict.dataset.verdict = kind;
    // The figures change all the time; only what they amount to is worth being read out.
    this.#news.textContent = sentence;
  }
}

/** A lane in the table at the top of the page. */
class Row {
  readonly element = create("tr");
  readonly strip = create("canvas");
  readonly #counts = [create("td"), create("td"), create("td")];

  constructor(label: string) {
    const head = create("th", label);
    head.scope = "row";
    const strip = create("td", "", "strip");
    this.strip.setAttribute("aria-hidden", "true");
    strip.append(this.strip);
    this.element.append(head, strip, ...this.#counts);
    this.show(0, 0, 0);
  }

  show(...counts: [seen: number, lost: number, repeated: number]): void {
    for (const [index, cell] of this.#counts.entries()) {
      const count = counts[index] ?? 0;
      cell.textContent = formatCount(count);
      cell.classList.toggle("bad", index > 0 && count > 0);
    }
  }
}
