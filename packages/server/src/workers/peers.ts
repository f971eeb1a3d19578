import type { Peers, Telling, Told } from "../metrics/peers.ts";

type Answer = readonly Told<Telling[keyof Telling]>[];

/** Longer than the primary waits for each of the others. */
const patienceMs = 3000;

/** The other processes, as a worker asks them through its primary. */
export class PrimaryPeers implements Peers {
  readonly self: string;
  readonly #ask: (id: number, what: keyof Telling) => void;
  #asked = 0;
  readonly #asking = new Map<number, (answer: Answer) => void>();

  /** `ask` takes a question to the primary, which brings the answer to `hear`. */
  constructor(self: string, ask: (id: number, what: keyof Telling) => void) {
    this.self = self;
    this.#ask = ask;
  }

  ask<What extends keyof Telling>(what: What): Promise<readonly Told<Telling[What]>[]> {
    const id = this.#asked++;
    return new Promise((resolve) => {
      const end = (answer: Answer) => {
        clearTimeout(timer);
        this.#asking.delete(id);
        resolve(answer as readonly Told<Telling[What]>[]);
      };
      const timer = setTimeout(() => end([{ worker: "primary" }]), patienceMs);
      this.#asking.set(id, end);
      this.#ask(id, what);
    });
  }

  hear(id: number, answer: Answer): void {
    this.#asking.get(id)?.(answer);
  }
}
