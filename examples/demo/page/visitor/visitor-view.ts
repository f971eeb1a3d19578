import type { Client } from "@holdfast/client";
import { find } from "../find.ts";
import { formatCount } from "../format.ts";
import type { Visitor } from "./visitor.ts";
import { Witness } from "./witness.ts";

const everyMs = 250;

/** Shows who this tab is, how long its token lives, and what its renewals have cost. */
export class VisitorView {
  readonly #visitor: Visitor;
  readonly #witnesses: readonly Witness[];
  readonly #bar = find("#you-bar span", HTMLElement);

  /** `clients` are the connections whose events are counted. */
  constructor(visitor: Visitor, clients: readonly Client[]) {
    this.#visitor = visitor;
    this.#witnesses = clients.map((client) => new Witness(client));
    visitor.changed = () => this.#showPass();
    setInterval(() => this.#showLife(), everyMs);
    this.#showPass();
  }

  #showPass(): void {
    const { user, tokens, claims } = this.#visitor;
    show("name", user);
    show("tokens", formatCount(tokens));
    show("claims", claims);
    this.#showLife();
  }

  #showLife(): void {
    const { leftMs, ofMs } = this.#visitor.life;
    this.#bar.style.transform = `scaleX(${ofMs === 0 ? 0 : leftMs / ofMs})`;
    show("left", `This token ends in ${Math.ceil(leftMs / 1000)} s`);
    const sum = (count: (witness: Witness) => number) =>
      this.#witnesses.reduce((total, witness) => total + count(witness), 0);
    show("drops", formatCount(sum(({ drops }) => drops)));
    show("seen", formatCount(sum(({ seen }) => seen)));
    show("wrong", `${formatCount(sum(({ lost }) => lost))}, ${formatCount(sum(({ repeated }) => repeated))}`);
  }
}

function show(id: string, text: string): void {
  const element = find(`#you-${id}`, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}
