import type { Families, Told } from "./exposition.ts";

/** The other processes that serve the same port. */
export interface Peers {
  /** The name of this process among them. */
  readonly self: string;
  metrics(): Promise<readonly Told<Families>[]>;
}
