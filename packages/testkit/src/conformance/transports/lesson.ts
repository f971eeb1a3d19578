import type { Bench } from "./bench.ts";

/** What went wrong elsewhere, and must not here. Tried on a node with a heartbeat of a few hundred ms. */
export interface Lesson {
  readonly title: string;
  prove(bench: Bench): Promise<void>;
}

export function rule(title: string, prove: Lesson["prove"]): Lesson {
  return { title, prove };
}
