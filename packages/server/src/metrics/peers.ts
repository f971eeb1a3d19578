import type { Families } from "./exposition.ts";
import type { NodeReport, ProcessReport } from "./report.ts";

/** What a process may be asked by another one of the same port. */
export interface Telling {
  readonly metrics: Families;
  readonly stats: NodeReport | PrimaryReport;
}

/** What `GET /stats` says of the process that keeps the log of several workers. */
export interface PrimaryReport {
  readonly process: ProcessReport;
  readonly channelsFollowed: number;
  readonly log?: object;
}

/** What one process has told, or nothing when it did not in time. */
export interface Told<What> {
  readonly worker: string;
  readonly told?: What;
}

/** The other processes that serve the same port. */
export interface Peers {
  /** The name of this process among them. */
  readonly self: string;
  ask<What extends keyof Telling>(what: What): Promise<readonly Told<Telling[What]>[]>;
}
