import type { HoldfastOptions, Stats } from "@holdfast/server";

/** Where a node stands when it is attacked: on its own listener, behind TLS, in somebody else's server, in several processes. */
export type Bed = "plain" | "secure" | "attached" | "workers";

/** What a process under attack is told at its start. */
export interface Setting {
  readonly bed: Bed;
  readonly options: HoldfastOptions;
  readonly cert?: string;
  readonly key?: string;
}

/** What it says once it serves. `secure` is there behind TLS alone. */
export interface Serving {
  readonly plain: string;
  readonly secure?: string;
}

/** What it holds at one moment for those who are there. */
export type Held = Pick<
  Stats,
  "connections" | "sessions" | "readers" | "waiters" | "publishing" | "unsentBytes"
> & {
  /** Workers that ended and were replaced. */
  readonly replaced: number;
};

export type Ask = "held" | "heap" | "stop";
export type Told =
  | { readonly serving: Serving }
  | { readonly held: Held }
  /** Bytes in use once garbage is gone. */
  | { readonly heapBytes: number };

/** Its options; what it logs goes to its output, a line of JSON each. */
export function optionsOf({ options }: Setting): HoldfastOptions {
  return { ...options, logger: (entry) => console.log(JSON.stringify(entry)) };
}
