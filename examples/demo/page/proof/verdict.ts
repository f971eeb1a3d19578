import { formatCount } from "../format.ts";
import type { Judgement } from "./ledger.ts";

/** One lane, as far as the verdict on all of them is concerned. */
export interface Standing {
  readonly label: string;
  readonly judgement: Judgement;
  /** Events that were published and have not come yet. */
  readonly behind: number;
}

/** `behind` is no fault: what is late is still to come. */
export interface Verdict {
  readonly kind: "waiting" | "kept" | "behind" | "broken";
  readonly sentence: string;
  readonly detail: string;
}

/** A lane this far behind is worth a word. */
const behindMin = 40;

/** What there is to say about all lanes together. */
export function judge(standings: readonly Standing[]): Verdict {
  const sum = (count: (one: Standing) => number) => standings.reduce((total, one) => total + count(one), 0);
  const seen = sum(({ judgement }) => judgement.seen);
  const told = sum(({ judgement }) => judgement.told);
  const gaps = sum(({ judgement }) => judgement.gaps);
  if (seen === 0) return { kind: "waiting", sentence: "Waiting for the first events.", detail: "" };
  const faults = standings.flatMap(({ label, judgement }) => faultsOf(label, judgement));
  const detail = detailOf(gaps, told);
  if (faults.length > 0) {
    return { kind: "broken", sentence: `A promise is broken: ${faults.join("; ")}.`, detail };
  }
  const kept = `${formatCount(seen)} events, none lost${gaps > 0 ? " in silence" : ""}, none repeated, all in order.`;
  const late = standings.filter(({ behind }) => behind >= behindMin);
  if (late.length === 0) return { kind: "kept", sentence: kept, detail };
  const coming = late.map(({ label, behind }) => `${formatCount(behind)} over ${label}`).join(", ");
  return { kind: "behind", sentence: kept, detail: `Still to come: ${coming}.` };
}

function detailOf(gaps: number, told: number): string {
  if (gaps === 0) return "No gap had to be told.";
  if (told === 0) return `${count(gaps, "gap")} told that the log is another one.`;
  return `${formatCount(told)} are gone from the log, and ${count(gaps, "gap")} told which.`;
}

function faultsOf(label: string, { lost, repeated, misplaced }: Judgement): string[] {
  const faults: string[] = [];
  if (lost > 0) faults.push(`${label} lost ${formatCount(lost)}`);
  if (repeated > 0) faults.push(`${label} repeated ${formatCount(repeated)}`);
  if (misplaced > 0) faults.push(`${label} had ${formatCount(misplaced)} out of order`);
  return faults;
}

function count(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? "" : "s"}`;
}
