import { originOf } from "./machine.ts";
import type { Peer } from "./peer.ts";
import type { Refusal, Result, Run } from "./result.ts";
import type { Place, Scenario, Size, Trial } from "./scenario.ts";

export interface RunOptions {
  readonly size: Size;
  readonly runs: number;
  /** For Node in the process of a server. */
  readonly execArgv: (peer: Peer) => readonly string[];
  /** Is told each run as it ends. */
  readonly onRun?: (run: Run) => void;
}

/**
 * Runs a scenario with its peers by turns, A B C A B C, so that whatever else the machine does meets all of them.
 *
 * A run that fails is kept as a failure; the others go on.
 */
export async function runScenario(
  scenario: Scenario,
  candidates: readonly Peer[],
  { size, runs: wanted, execArgv, onRun }: RunOptions,
): Promise<Result> {
  const count = Math.min(wanted, scenario.runsMax ?? wanted);
  const origin = originOf(candidates);
  const startedAt = new Date();
  const refusals: Refusal[] = [];
  const peers = candidates.filter((peer) => {
    // Who is not meant is not refused either.
    if (!isMeant(scenario, peer)) return false;
    const reason = peer.absence?.() ?? peer.cannot?.[scenario.name];
    if (reason !== undefined) refusals.push({ peer: peer.name, reason });
    return reason === undefined;
  });
  const runs: Run[] = [];
  for (const trial of scenario.trials(size)) {
    const able = peers.filter((peer) => {
      const reason = trial.refusal?.(peer);
      if (reason !== undefined) refusals.push({ peer: peer.name, trial: trial.name, reason });
      return reason === undefined;
    });
    for (let index = 1; index <= count; index++) {
      for (const peer of able) {
        const place = { size, execArgv: [...(peer.nodeFlags ?? []), ...execArgv(peer)] };
        const run = {
          run: index,
          peer: peer.name,
          trial: trial.name,
          ...(await attempt(trial, peer, place)),
        };
        runs.push(run);
        onRun?.(run);
      }
    }
  }
  const { scale, windowMs, warmUpMs } = size;
  return {
    scenario: scenario.name,
    origin,
    startedAt: startedAt.toISOString(),
    tookMs: Date.now() - startedAt.getTime(),
    options: { runs: count, scale, windowMs, warmUpMs },
    refusals,
    runs,
  };
}

/** Whether a scenario is one that this peer is made for. */
export function isMeant(scenario: Scenario, { only }: Peer): boolean {
  return only === undefined ? scenario.isSpecial !== true : only.includes(scenario.name);
}

async function attempt(
  trial: Trial,
  peer: Peer,
  place: Place,
): Promise<Pick<Run, "observations" | "failure">> {
  try {
    return { observations: await trial.run(peer, place) };
  } catch (error) {
    return { observations: [], failure: error instanceof Error ? error.message : String(error) };
  }
}
