import assert from "node:assert/strict";
import { test } from "node:test";
import type { Peer } from "./peer.ts";
import { peerNamed, peers } from "./peers/index.ts";
import type { Run } from "./result.ts";
import { isMeant, runScenario } from "./run.ts";
import type { Scenario, Trial } from "./scenario.ts";
import { scenarios } from "./scenarios/index.ts";

// Proves that the harness works. What it measures at this size means nothing, so no figure is judged.
const size = { scale: 0.002, windowMs: 40, warmUpMs: 10 };

/** Holdfast, and one other peer if another can do it. */
function chosenFor(scenario: Scenario, trial: Trial): readonly Peer[] {
  const able = peers.filter(
    (peer) =>
      isMeant(scenario, peer) &&
      peer.isLimit !== true &&
      (peer.absence?.() ?? peer.cannot?.[scenario.name] ?? trial.refusal?.(peer)) === undefined,
  );
  return [able.find(({ isOurs }) => isOurs), able.find(({ isOurs }) => !isOurs)].filter(
    (peer) => peer !== undefined,
  );
}

/** The first trial and the last, each with Holdfast and one other peer. */
function small(scenario: Scenario): Scenario {
  const withChosen = (trial: Trial): Trial => {
    const chosen = chosenFor(scenario, trial);
    return { ...trial, refusal: (peer) => (chosen.includes(peer) ? undefined : "not needed here") };
  };
  const ends = (trials: readonly Trial[]) => [...new Set([trials[0]!, trials.at(-1)!])];
  return { ...scenario, trials: (given) => ends(scenario.trials(given)).map(withChosen) };
}

for (const scenario of scenarios) {
  test(`${scenario.name} measures Holdfast beside another peer, and loses nothing`, async () => {
    const told: Run[] = [];
    const options = { size, runs: 1, execArgv: () => [], onRun: (run: Run) => told.push(run) };
    const result = await runScenario(small(scenario), peers, options);
    assert.deepEqual(told, result.runs);
    const measures = new Set(scenario.measures.map(({ name }) => name));
    for (const { peer, failure, observations } of result.runs) {
      const mayLose = scenario.mayLose === true && peerNamed(peer).dialect.resuming === undefined;
      assert.equal(failure, undefined, peer);
      assert.ok(observations.length > 0);
      for (const { case: name, lost, figures, notes } of observations) {
        assert.ok(lost === 0 || mayLose, `${peer}, ${name}: ${lost} lost`);
        assert.ok(
          mayLose || !notes.some((note) => /lost|too many|came twice|refused|out of order/.test(note)),
          `${peer}, ${name}: ${notes}`,
        );
        for (const [measure, value] of Object.entries(figures)) {
          assert.ok(measures.has(measure), measure);
          assert.ok(Number.isFinite(value), `${peer}, ${name}: ${measure} ${value}`);
        }
        for (const plotted of scenario.plotted) assert.ok(plotted in figures, plotted);
      }
    }
    const byTrial = Map.groupBy(result.runs, ({ trial }) => trial);
    for (const trial of scenario.trials(size)) {
      const runs = byTrial.get(trial.name);
      if (runs === undefined) continue;
      const chosen = chosenFor(scenario, trial);
      assert.deepEqual(
        runs.map(({ peer }) => peer),
        chosen.map(({ name }) => name),
      );
      const [ours, other = ours] = runs.map(({ observations }) => observations.map((one) => one.case));
      assert.deepEqual(ours, other);
    }
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  });
}

test("every scenario's targets and plots name what there is", () => {
  for (const { name, measures, plotted, targets, bases } of scenarios) {
    const known = new Set(measures.map((measure) => measure.name));
    for (const measure of [...plotted, ...targets.map((target) => target.measure)]) {
      assert.ok(known.has(measure), `${name}: ${measure}`);
    }
    const named = [
      ...bases,
      ...targets.flatMap(({ peer, base }) => (base === undefined ? [peer] : [peer, base])),
    ];
    for (const peer of named)
      assert.ok(
        peers.some((one) => one.name === peer),
        `${name}: ${peer}`,
      );
  }
});
