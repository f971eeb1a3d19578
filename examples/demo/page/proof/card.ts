import { create } from "../find.ts";
import { formatCount, formatDuration } from "../format.ts";
import type { Judgement } from "./ledger.ts";

const figures = ["Seen", "Lost", "Repeated", "Order", "Gaps", "Behind", "Median", "95 % in"] as const;
type Figure = (typeof figures)[number];

export interface Tally {
  readonly judgement: Judgement;
  readonly behind: number;
  /** The delays that 50 and 95 of 100 events did not exceed, in ms. */
  readonly medianMs: number | undefined;
  readonly p95Ms: number | undefined;
}

/** What a visitor sees of one lane. */
export class Card {
  readonly element = create("article", "", "lane");
  readonly canvas = create("canvas");
  readonly #state = create("p", "Connecting", "state");
  readonly #rungs = new Map<string, HTMLElement>();
  readonly #figures = new Map<Figure, HTMLElement>();

  /** `rungs` are the transports to choose from, by name and label, if there is a choice. */
  constructor(id: string, label: string, rungs: ReadonlyMap<string, string>, switches: HTMLElement) {
    const { element, canvas } = this;
    element.dataset.lane = id;
    element.setAttribute("aria-label", label);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Delays of ${label}, the newest at the right`);
    const who = create("div", "", "who");
    who.append(create("h3", label), this.#state);
    if (rungs.size > 0) who.append(this.#ladder(rungs));
    const tape = create("div", "", "tape");
    tape.append(canvas);
    element.append(who, tape, this.#tally(), switches);
  }

  #ladder(rungs: ReadonlyMap<string, string>): HTMLElement {
    const list = create("ol", "", "rungs");
    list.setAttribute("aria-label", "The ladder of transports");
    for (const [name, label] of rungs) {
      const rung = create("li", label);
      this.#rungs.set(name, rung);
      list.append(rung);
    }
    return list;
  }

  #tally(): HTMLElement {
    const list = create("dl", "", "tally");
    for (const figure of figures) {
      const value = create("dd", "–");
      value.dataset.figure = figure;
      const pair = create("div");
      pair.append(create("dt", figure), value);
      list.append(pair);
      this.#figures.set(figure, value);
    }
    return list;
  }

  /** `kind` is the state's stable name, `words` what is said of it, `transport` the one in use. */
  showState(kind: string, words: string, transport: string | undefined): void {
    this.#state.dataset.state = kind;
    this.#state.textContent = words;
    for (const [name, rung] of this.#rungs) {
      if (name === transport) rung.setAttribute("aria-current", "true");
      else rung.removeAttribute("aria-current");
    }
  }

  showTally({ judgement, behind, medianMs, p95Ms }: Tally): void {
    const { seen, lost, told, gaps, repeated, misplaced } = judgement;
    this.#show("Seen", formatCount(seen));
    this.#show("Lost", formatCount(lost), lost > 0 ? "bad" : undefined);
    this.#show("Repeated", formatCount(repeated), repeated > 0 ? "bad" : undefined);
    this.#show(
      "Order",
      misplaced === 0 ? "ok" : `${formatCount(misplaced)} off`,
      misplaced > 0 ? "bad" : undefined,
    );
    this.#show("Gaps", gaps === 0 ? "0" : `${gaps} (${formatCount(told)})`, gaps > 0 ? "warn" : undefined);
    this.#show("Behind", formatCount(behind));
    this.#show("Median", medianMs === undefined ? "–" : formatDuration(medianMs));
    this.#show("95 % in", p95Ms === undefined ? "–" : formatDuration(p95Ms));
  }

  #show(figure: Figure, text: string, mark?: "bad" | "warn"): void {
    const value = this.#figures.get(figure);
    if (value === undefined) return;
    if (value.textContent !== text) value.textContent = text;
    value.toggleAttribute("data-bad", mark === "bad");
    value.toggleAttribute("data-warn", mark === "warn");
  }
}
