import assert from "node:assert/strict";
import { test } from "node:test";
import { peers } from "./peers/index.ts";
import type { Run } from "./result.ts";
import { runScenario } from "./run.ts";
import { scenarios } from "./scenarios/index.ts";

// Proves that the harness works. What it measures at this size means nothing, so no figure is judged.
const size = { scale: 0.002, windowMs: 40, warmUpMs: 10 };
const names = new Set(["holdfast", "holdfast-session", "ws"]);

for (const scenario of scenarios) {
  test(`${scenario.name} measures every case with a peer beside Holdfast, and loses nothing`, async () => {
    const some = peers.filter(({ name, only }) => only?.includes(scenario.name) ?? names.has(name));
    const told: Run[] = [];
    const result = await runScenario(scenario, some, {
      size,
      runs: 1,
      execArgv: () => [],
      onRun: (run) => told.push(run),
    });
    assert.deepEqual(told, result.runs);
    assert.ok(result.runs.length > 0);
    const measures = new Set(scenario.measures.map(({ name }) => name));
    for (const { peer, failure, observations } of result.runs) {
      assert.equal(failure, undefined, peer);
      assert.ok(observations.length > 0);
      for (const { case: name, lost, figures } of observations) {
        assert.equal(lost, 0, `${peer}, ${name}`);
        for (const [measure, value] of Object.entries(figures)) {
          assert.ok(measures.has(measure), measure);
          assert.ok(Number.isFinite(value), `${peer}, ${name}: ${measure} ${value}`);
        }
        for (const plotted of scenario.plotted) assert.ok(plotted in figures, plotted);
      }
    }
    // Whoever takes part shows the same cases as all others in its trial.
    for (const runs of Map.groupBy(result.runs, ({ trial }) => trial).values()) {
      const cases = runs.map(({ observations }) => observations.map((one) => one.case));
      assert.ok(cases.every((one) => one.join() === cases[0]?.join()));
    }
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  });
}
