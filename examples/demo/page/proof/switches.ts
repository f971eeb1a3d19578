import type { Board } from "../../bench/bench.ts";
import type { Faults, Transport } from "../../bench/faults.ts";
import { ask } from "../ask.ts";
import { create } from "../find.ts";

type LaneBoard = Board["lanes"][string];

/** The switches of one lane. They show what the server says of the line, not what was pressed. */
export class Switches {
  readonly element = create("div", "", "switches");
  readonly #id: string;
  readonly #failed: (error: unknown) => void;
  readonly #toggles: { readonly button: HTMLButtonElement; readonly isOn: (faults: Faults) => boolean }[] =
    [];
  readonly #restart: HTMLButtonElement;
  #faults: Faults = { cut: false, slow: false, blocked: [] };

  /** `blockable` are the transports that can be blocked here, with the words for it. */
  constructor(id: string, blockable: ReadonlyMap<Transport, string>, failed: (error: unknown) => void) {
    this.#id = id;
    this.#failed = failed;
    this.#toggle(
      "Cut the line",
      ({ cut }) => cut,
      ({ cut }) => ({ cut: !cut }),
    );
    this.#toggle(
      "Slow it down",
      ({ slow }) => slow,
      ({ slow }) => ({ slow: !slow }),
    );
    for (const [transport, words] of blockable) {
      this.#toggle(
        words,
        ({ blocked }) => blocked.includes(transport),
        ({ blocked }) => {
          const others = blocked.filter((one) => one !== transport);
          return { blocked: blocked.includes(transport) ? others : [...others, transport] };
        },
      );
    }
    this.#restart = this.#button("Replace server", () => this.#ask("restart", {}));
  }

  show({ restarting, ...faults }: LaneBoard): void {
    this.#faults = faults;
    for (const { button, isOn } of this.#toggles) button.setAttribute("aria-pressed", String(isOn(faults)));
    this.#restart.disabled = restarting;
  }

  #toggle(
    words: string,
    isOn: (faults: Faults) => boolean,
    change: (faults: Faults) => Partial<Faults>,
  ): void {
    const button = this.#button(words, () => this.#ask("faults", change(this.#faults)));
    button.setAttribute("aria-pressed", "false");
    this.#toggles.push({ button, isOn });
  }

  #button(words: string, act: () => void): HTMLButtonElement {
    const button = create("button", words);
    button.type = "button";
    button.addEventListener("click", act);
    this.element.append(button);
    return button;
  }

  #ask(what: "faults" | "restart", body: object): void {
    ask(`/demo/lanes/${this.#id}/${what}`, body).catch(this.#failed);
  }
}
