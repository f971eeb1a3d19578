import type { Client } from "@holdfast/client";
import { Ledger } from "../proof/ledger.ts";

/** Reads numbered events over one of the page's connections, and notes what becomes of them and of it. */
export class Witness {
  readonly #ledger = new Ledger();
  #isLost = false;
  /** How often the connection was lost for longer than one would notice. */
  drops = 0;

  constructor(client: Client) {
    client.on("state", ({ type }) => {
      if (type === "recovering" && !this.#isLost) this.drops++;
      this.#isLost = type === "recovering";
    });
    client.subscribe<{ number: number }>("pulse:page", {
      onEvent: ({ data }) => this.#ledger.take(data.number),
      onGap: ({ reason }) => this.#ledger.gap(reason === "epoch"),
    });
  }

  get seen(): number {
    return this.#ledger.judgement.seen;
  }

  /** Events that did not come, whether that was told or not. */
  get lost(): number {
    const { lost, told } = this.#ledger.judgement;
    return lost + told;
  }

  get repeated(): number {
    const { repeated, misplaced } = this.#ledger.judgement;
    return repeated + misplaced;
  }
}
