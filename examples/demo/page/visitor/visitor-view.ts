import type { Client } from "@holdfast/client";
import { find } from "../find.ts";
import { formatCount } from "../format.ts";
import { visitor } from "./visitor.ts";
import { Witness } from "./witness.ts";

const everyMs = 250;

/** Shows who this tab is and how long its token lives, signs it out and in, and counts what that has cost. */
export class VisitorView {
  readonly #witnesses: readonly Witness[];
  readonly #section = find("#you", HTMLElement);
  readonly #revoke = find("#you-revoke", HTMLButtonElement);
  readonly #signIn = find("#you-sign-in", HTMLButtonElement);
  readonly #error = find("#you-error", HTMLElement);
  readonly #bar = find("#you-bar span", HTMLElement);
  /** When the visitor was signed out last. */
  #leftAt = 0;
  #isBack = false;

  /** `clients` are the connections whose events are counted. */
  constructor(clients: readonly Client[]) {
    this.#witnesses = clients.map((client) => new Witness(client));
    this.#revoke.addEventListener("click", () => void this.#act(this.#revoke, () => visitor.revoke()));
    this.#signIn.addEventListener("click", () => void this.#act(this.#signIn, () => this.#return()));
    visitor.changed = () => this.#showPass();
    for (const client of clients) client.on("state", () => this.#showOutcome());
    setInterval(() => this.#showLife(), everyMs);
    this.#showPass();
  }

  /** Never resolves while the page is there. */
  async read(): Promise<void> {
    await Promise.all(this.#witnesses.map((witness) => witness.read()));
  }

  async #act(button: HTMLButtonElement, act: () => Promise<void>): Promise<void> {
    button.disabled = true;
    this.#error.textContent = "";
    try {
      await act();
    } catch (error) {
      this.#error.textContent = error instanceof Error ? error.message : String(error);
    }
    button.disabled = false;
  }

  async #return(): Promise<void> {
    const absence = { from: this.#leftAt, to: Date.now() };
    for (const witness of this.#witnesses) witness.back(absence);
    this.#isBack = true;
    await visitor.signInAgain();
  }

  #showPass(): void {
    const { isSignedOut, user, tokens, claims } = visitor;
    if (isSignedOut && this.#section.dataset.signedIn !== "false") {
      this.#leftAt = Date.now();
      this.#isBack = false;
    }
    this.#section.dataset.signedIn = String(!isSignedOut);
    this.#revoke.hidden = isSignedOut;
    this.#signIn.hidden = !isSignedOut;
    show("name", user);
    show("tokens", formatCount(tokens));
    show("claims", claims);
    this.#showLife();
  }

  #showLife(): void {
    const { leftMs, ofMs } = visitor.life;
    this.#bar.style.transform = `scaleX(${ofMs === 0 ? 0 : leftMs / ofMs})`;
    show("left", visitor.isSignedOut ? "Signed out" : `This token ends in ${Math.ceil(leftMs / 1000)} s`);
    show("drops", formatCount(this.#sum(({ drops }) => drops)));
    show("seen", formatCount(this.#sum(({ seen }) => seen)));
    show("wrong", `${formatCount(this.#lost)}, ${formatCount(this.#repeated)}`);
    this.#showOutcome();
  }

  #sum(count: (witness: Witness) => number): number {
    return this.#witnesses.reduce((total, witness) => total + count(witness), 0);
  }

  get #lost(): number {
    return this.#sum(({ lost }) => lost);
  }

  get #repeated(): number {
    return this.#sum(({ repeated }) => repeated);
  }

  #showOutcome(): void {
    const { dataset } = find("#you-outcome", HTMLElement);
    if (visitor.isSignedOut) {
      dataset.verdict = "away";
      show("outcome", this.#farewell);
    } else if (this.#isBack) {
      dataset.verdict = this.#isKept ? "kept" : "broken";
      show("outcome", this.#welcome);
    }
  }

  /** What the server has ended by now, and why. */
  get #farewell(): string {
    const ended = [...visitor.clients].flatMap(({ state }) =>
      state.type === "closed" && state.reason.type === "reauthenticate" ? [state.reason.error] : [],
    );
    const [why] = ended;
    if (why === undefined) return "Signed out.";
    const { size } = visitor.clients;
    const told = `The server ended ${ended.length} of this tab's ${size} connections: ${why.code}.`;
    return ended.length < size ? `${told} Who polls hears of it when asking next.` : told;
  }

  get #welcome(): string {
    const read = `Back. ${formatCount(this.#sum(({ missed }) => missed))} events came meanwhile, and were read`;
    if (!this.#isKept) return `${read}, but not all: see what was lost or repeated.`;
    const told = this.#sum(({ told }) => told);
    if (told > 0) return `${read}; ${formatCount(told)} were gone from the log by then, as a gap has told.`;
    return `${read}: none lost, none repeated.`;
  }

  get #isKept(): boolean {
    return this.#lost === 0 && this.#repeated === 0;
  }
}

function show(id: string, text: string): void {
  const element = find(`#you-${id}`, HTMLElement);
  if (element.textContent !== text) element.textContent = text;
}
