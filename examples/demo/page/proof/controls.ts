import type { Board } from "../../bench/bench.ts";
import { ask } from "../ask.ts";
import { find } from "../find.ts";

/** What concerns all lanes: how fast the ticker is, the storm, and the way back to order. */
export class Controls {
  readonly #rate = find("#rate", HTMLInputElement);
  readonly #rateNow = find("#rate-now", HTMLElement);
  readonly #storm = find("#storm", HTMLButtonElement);

  constructor(failed: (error: unknown) => void, recount: () => void) {
    const order = (path: string, body: object = {}) => void ask(path, body).catch(failed);
    this.#rate.addEventListener("input", () => {
      this.#rateNow.textContent = this.#rate.value;
    });
    this.#rate.addEventListener("change", () => order("/demo/rate", { perSecond: this.#rate.valueAsNumber }));
    this.#storm.addEventListener("click", () => {
      order(this.#storm.ariaPressed === "true" ? "/demo/mend" : "/demo/shake");
    });
    find("#mend", HTMLButtonElement).addEventListener("click", () => order("/demo/mend"));
    find("#recount", HTMLButtonElement).addEventListener("click", recount);
  }

  /** Shows what the server says: another page may have pressed a switch. */
  show({ perSecond, storm }: Board): void {
    this.#rate.valueAsNumber = perSecond;
    this.#rateNow.textContent = String(perSecond);
    this.#storm.ariaPressed = String(storm);
    this.#storm.textContent = storm ? "Shaking; press to stop" : "Shake everything for 20 s";
  }
}
