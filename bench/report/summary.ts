import type { Origin } from "../machine.ts";
import type { Peer } from "../peer.ts";
import type { Refusal, Result } from "../result.ts";
import type { Measure, Scenario, Target } from "../scenario.ts";
import { type Spread, spreadOf } from "./spread.ts";

/** A figure by the turn in which it was measured, as it is compared only with others of that turn. */
type Turns = ReadonlyMap<string, number>;

export interface Cell {
  readonly spread: Spread;
  /** To `base`, turn by turn; absent where there is none, or it is the base itself. */
  readonly ratio?: { readonly spread: Spread; readonly base: string };
}

export interface Row {
  readonly peer: Peer;
  /** By the name of the measure. */
  readonly cells: ReadonlyMap<string, Cell>;
  readonly lost: number;
  readonly notes: readonly string[];
}

export interface CaseSummary {
  readonly name: string;
  readonly rows: readonly Row[];
}

export interface Verdict {
  readonly target: Target;
  /** Absent where it was not measured. */
  readonly reached?: Spread;
  readonly isMet?: boolean;
}

/** What all results of a scenario say together. */
export interface Summary {
  readonly scenario: Scenario;
  readonly origins: readonly {
    readonly origin: Origin;
    readonly options: Result["options"];
    readonly startedAt: string;
  }[];
  readonly cases: readonly CaseSummary[];
  readonly refusals: readonly Refusal[];
  readonly failures: readonly string[];
  readonly verdicts: readonly Verdict[];
}

/** Every figure of a scenario, by case, peer and measure. */
class Figures {
  readonly #turns = new Map<string, Map<string, number>>();
  readonly #said = new Map<string, { lost: number; notes: Set<string> }>();
  readonly #cases = new Map<string, Set<string>>();

  constructor(results: readonly Result[]) {
    for (const [file, { runs }] of results.entries()) {
      for (const { run, peer, observations } of runs) {
        for (const { case: name, figures, lost, notes } of observations) {
          const peers = this.#cases.get(name) ?? new Set();
          this.#cases.set(name, peers.add(peer));
          const said = this.said(name, peer);
          said.lost += lost;
          for (const note of notes) said.notes.add(note);
          this.#said.set(key(name, peer), said);
          for (const [measure, value] of Object.entries(figures))
            this.#put(key(name, peer, measure), `${file}:${run}`, value);
        }
      }
    }
  }

  #put(where: string, turn: string, value: number): void {
    const turns = this.#turns.get(where) ?? new Map<string, number>();
    this.#turns.set(where, turns.set(turn, value));
  }

  /** In the order in which they were measured, each with its peers. */
  get cases(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#cases;
  }

  said(name: string, peer: string): { lost: number; notes: Set<string> } {
    return this.#said.get(key(name, peer)) ?? { lost: 0, notes: new Set() };
  }

  turns(name: string, peer: string, measure: string): Turns {
    return this.#turns.get(key(name, peer, measure)) ?? new Map();
  }
}

function key(...parts: string[]): string {
  return parts.join("\n");
}

/** Joins the results of one scenario, of one run or of several. */
export function summarise(scenario: Scenario, results: readonly Result[], peers: readonly Peer[]): Summary {
  const figures = new Figures(results);
  const cases = [...figures.cases].map(([name, present]) => {
    const here = peers.filter((peer) => present.has(peer.name));
    const rows = here.map((peer) => rowOf(scenario, figures, name, peer, here));
    return { name, rows };
  });
  return {
    scenario,
    origins: results.map(({ origin, options, startedAt }) => ({ origin, options, startedAt })),
    cases,
    refusals: distinct(results.flatMap(({ refusals }) => refusals)),
    failures: results.flatMap(({ runs }) =>
      runs.flatMap(({ peer, trial, failure }) =>
        failure === undefined ? [] : [`${peer}, ${trial}: ${failure}`],
      ),
    ),
    verdicts: scenario.targets.map((target) => judge(target, figures)),
  };
}

function rowOf(scenario: Scenario, figures: Figures, name: string, peer: Peer, here: readonly Peer[]): Row {
  const { lost, notes } = figures.said(name, peer.name);
  const base = baseOf(scenario, peer, here);
  const cells = scenario.measures.flatMap(({ name: measure, better }): [string, Cell][] => {
    const own = figures.turns(name, peer.name, measure);
    const spread = spreadOf([...own.values()]);
    if (spread === undefined) return [];
    if (better === undefined || base === undefined || base === peer.name) return [[measure, { spread }]];
    const ratio = ratioOf(own, figures.turns(name, base, measure));
    return [[measure, ratio === undefined ? { spread } : { spread, ratio: { spread: ratio, base } }]];
  });
  return { peer, cells: new Map(cells), lost, notes: [...notes] };
}

/** The first of the bases that has the peer's transport and was measured, or else the first that was measured. */
function baseOf({ bases }: Scenario, { transport }: Peer, here: readonly Peer[]): string | undefined {
  const present = bases.flatMap((base) => here.filter((peer) => peer.name === base));
  return (present.find((peer) => peer.transport === transport) ?? present[0])?.name;
}

function ratioOf(own: Turns, base: Turns): Spread | undefined {
  return spreadOf(
    [...own].flatMap(([turn, value]) => {
      const other = base.get(turn);
      return other === undefined || other === 0 ? [] : [value / other];
    }),
  );
}

function judge(target: Target, figures: Figures): Verdict {
  const {
    measure,
    peer,
    base,
    baseCase,
    atLeast = Number.NEGATIVE_INFINITY,
    atMost = Number.POSITIVE_INFINITY,
  } = target;
  const own = figures.turns(target.case, peer, measure);
  const isRatio = base !== undefined || baseCase !== undefined;
  const reached = isRatio
    ? ratioOf(own, figures.turns(baseCase ?? target.case, base ?? peer, measure))
    : spreadOf([...own.values()]);
  if (reached === undefined) return { target };
  return { target, reached, isMet: reached.median >= atLeast && reached.median <= atMost };
}

function distinct(refusals: readonly Refusal[]): Refusal[] {
  return [...new Map(refusals.map((one) => [key(one.peer, one.trial ?? "", one.reason), one])).values()];
}

/** Another peer did better than one of ours, on the same transport. */
export interface Shortfall {
  readonly case: string;
  readonly measure: Measure;
  readonly ours: Peer;
  readonly other: Peer;
  readonly own: Spread;
  readonly better: Spread;
}

/** Where one of ours is not the first, by the medians of what is plotted. */
export function shortfallsOf({ scenario, cases }: Summary): Shortfall[] {
  const measures = scenario.measures.filter(({ name }) => scenario.plotted.includes(name));
  return cases.flatMap(({ name, rows }) =>
    measures.flatMap((measure) => {
      const shown = rows.flatMap(({ peer, cells }) => {
        const spread = cells.get(measure.name)?.spread;
        return spread === undefined ? [] : [{ peer, spread }];
      });
      const isBetter = (a: Spread, b: Spread) =>
        measure.better === "less" ? a.median < b.median : a.median > b.median;
      return shown
        .filter(({ peer }) => peer.isOurs === true)
        .flatMap((ours) =>
          shown
            .filter(
              ({ peer, spread }) =>
                peer.isOurs !== true &&
                peer.transport === ours.peer.transport &&
                isBetter(spread, ours.spread),
            )
            .map((other) => ({
              case: name,
              measure,
              ours: ours.peer,
              other: other.peer,
              own: ours.spread,
              better: other.spread,
            })),
        );
    }),
  );
}
