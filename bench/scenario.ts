import type { Peer } from "./peer.ts";

/** What is measured: a column of the table. */
export interface Measure {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  /** Absent where it only explains the others: it then has no ratio. */
  readonly better?: "more" | "less";
}

/** What one run of one peer has shown in one case. */
export interface Observation {
  readonly case: string;
  /** By the name of the measure; absent where it could not be had. */
  readonly figures: Readonly<Record<string, number>>;
  /** How long the window was, and the processor time of the server and of all load generators in it, in seconds. */
  readonly spent?: { readonly seconds: number; readonly server?: number; readonly load?: number };
  /** Events that should have come and did not. */
  readonly lost: number;
  /** What a reader of the figures must know, as that the load generator was what limited them. */
  readonly notes: readonly string[];
}

/** How large and how long. */
export interface Size {
  /** Scales numbers of readers, channels and connections; 1 is the size that a scenario is made for. */
  readonly scale: number;
  /** How long a window of measuring lasts, in ms. */
  readonly windowMs: number;
  /** Before it, so that the code is hot. */
  readonly warmUpMs: number;
}

/** Where a run happens. */
export interface Place {
  readonly size: Size;
  /** For Node in the process of the server. */
  readonly execArgv: readonly string[];
}

/** Some cases of a scenario that share a server and its readers. */
export interface Trial {
  readonly name: string;
  /** Why a peer cannot do this; undefined when it can. */
  refusal?(peer: Peer): string | undefined;
  run(peer: Peer, place: Place): Promise<readonly Observation[]>;
}

/** What is to be reached: by a figure itself, or by its ratio to that of another peer in the same run. */
export interface Target {
  /** As in "flat out to 1,000 readers: at least 5 times ws". */
  readonly text: string;
  readonly case: string;
  readonly measure: string;
  readonly peer: string;
  /** The peer, or the case of the same peer, to which it is compared; without either, the figure itself is judged. */
  readonly base?: string;
  readonly baseCase?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** One question, asked of all peers alike. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Only peers that are made for it take part. */
  readonly isSpecial?: boolean;
  /** Peers that cannot resume lose events here; how many is one of the figures. */
  readonly mayLose?: boolean;
  /** What it does, in a sentence or two. */
  readonly about: string;
  /**
   * The peers to which the others are set in relation: the first one of the same transport that was measured, or else the
   * first one that was.
   */
  readonly bases: readonly string[];
  /** No more runs than this of one that takes long. */
  readonly runsMax?: number;
  readonly measures: readonly Measure[];
  /** Names of the measures that are plotted. */
  readonly plotted: readonly string[];
  /** Its cases follow each other in time: they are plotted as a curve a peer. */
  readonly isCurve?: boolean;
  /** For the size that the scenario is made for. */
  readonly targets: readonly Target[];
  trials(size: Size): readonly Trial[];
}

/** Scales a number, to no less than `least`. */
export function scaled(number: number, { scale }: Size, least = 1): number {
  return Math.max(least, Math.round(number * scale));
}

const thousands = new Intl.NumberFormat("en");

/** As in `10,000`. */
export function formatCount(count: number): string {
  return thousands.format(count);
}
