import type { ErrorCode, GapReason } from "@holdfast/protocol";
import type { Farewell } from "./sink.ts";

/** How a subscription went on that was asked for with a cursor: without a gap, or with one. */
export type ResumeOutcome = "resumed" | GapReason;

function count<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** What the sessions of one kind have done since the start: one object for all of them. */
export class SessionCounts {
  /** Messages of clients, and their bytes. */
  heardMessages = 0;
  heardBytes = 0;
  readonly gaps = new Map<GapReason, number>();
  readonly resumes = new Map<ResumeOutcome, number>();
  /** Errors told in band, by their code. */
  readonly errors = new Map<ErrorCode, number>();

  heard(bytes: number): void {
    this.heardMessages++;
    this.heardBytes += bytes;
  }

  gap(reason: GapReason): void {
    count(this.gaps, reason);
  }

  resumed(outcome: ResumeOutcome): void {
    count(this.resumes, outcome);
  }

  refused(code: ErrorCode): void {
    count(this.errors, code);
  }
}

/** Why a connection ended, in one word: an outcome's code, `ended`, or why its client is to come back. */
export function reasonOf(farewell: Farewell): string {
  switch (farewell.kind) {
    case "ended":
      return "ended";
    case "refused":
      return farewell.error.code;
    case "reconnect":
      return farewell.reason;
  }
}
