import type { Client } from "@holdfast/client";
import { Ledger } from "../proof/ledger.ts";
import { follow } from "./following.ts";

/** A time span, in ms since 1970. */
export interface Absence {
  readonly from: number;
  readonly to: number;
}

/** Reads numbered events over one of the page's connections, and notes what becomes of them and of it. */
export class Witness {
  readonly #client: Client;
  readonly #ledger = new Ledger();
  #isLost = false;
  /** When the visitor was away last. */
  #absence: Absence = { from: 0, to: 0 };
  /** Events of that time that were read after it. */
  missed = 0;
  /** How often the connection was lost for longer than one would notice. */
  drops = 0;

  constructor(client: Client) {
    this.#client = client;
    client.on("state", ({ type }) => {
      if (type === "recovering" && !this.#isLost) this.drops++;
      this.#isLost = type === "recovering";
    });
  }

  async read(): Promise<void> {
    const pulse = follow<{ number: number }>(this.#client, "pulse:page", {
      onGap: ({ reason }) => this.#ledger.gap(reason === "epoch"),
    });
    for await (const { data, at } of pulse) {
      this.#ledger.take(data.number);
      if (at >= this.#absence.from && at < this.#absence.to) this.missed++;
    }
  }

  /** Counts what came while the visitor was away. */
  back(absence: Absence): void {
    this.#absence = absence;
    this.missed = 0;
  }

  get seen(): number {
    return this.#ledger.judgement.seen;
  }

  /** Events that did not come, and nobody told so. */
  get lost(): number {
    return this.#ledger.judgement.lost;
  }

  /** Events that a gap told to be gone from the log: whoever is away for too long misses some. */
  get told(): number {
    return this.#ledger.judgement.told;
  }

  get repeated(): number {
    const { repeated, misplaced } = this.#ledger.judgement;
    return repeated + misplaced;
  }
}
