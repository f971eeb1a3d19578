import assert from "node:assert/strict";
import { test } from "node:test";
import type { Judgement } from "./ledger.ts";
import { judge } from "./verdict.ts";

function lane(label: string, changes: Partial<Judgement> = {}, behind = 0) {
  const judgement = { seen: 600, lost: 0, told: 0, gaps: 0, repeated: 0, misplaced: 0, ...changes };
  return { label, judgement, behind };
}

test("[ORD] lanes without a fault are kept, and their events are summed", () => {
  const verdict = judge([lane("Alpha"), lane("Beta")]);
  assert.equal(verdict.kind, "kept");
  assert.match(verdict.sentence, /^1,200 events, none lost, none repeated, all in order\.$/);
});

for (const [name, fault] of [
  ["[GAP] one event lost in silence", { lost: 1 }],
  ["[DUP] one event repeated", { repeated: 1 }],
  ["[ORD] one event out of order", { misplaced: 1 }],
] as const) {
  test(`${name} breaks the verdict and names the lane`, () => {
    const { kind, sentence } = judge([lane("Alpha"), lane("Beta", fault)]);
    assert.equal(kind, "broken");
    assert.match(sentence, /Beta .*1/);
    assert.doesNotMatch(sentence, /Alpha/);
  });
}

test("[GAP] what a gap told breaks nothing, and is said", () => {
  const { kind, sentence, detail } = judge([lane("Alpha", { gaps: 1, told: 30 })]);
  assert.equal(kind, "kept");
  assert.match(sentence, /none lost in silence/);
  assert.match(detail, /30 are gone from the log, and 1 gap told which/);
});

test("[GAP] a gap into another log, with nothing missing, is said as well", () => {
  assert.match(judge([lane("Alpha", { gaps: 1 })]).detail, /^1 gap told that the log is another one\.$/);
});

test("[BND] a lane that lags is behind, not broken", () => {
  const { kind, detail } = judge([lane("Alpha"), lane("Beta", {}, 200)]);
  assert.equal(kind, "behind");
  assert.match(detail, /^Still to come: 200 over Beta\.$/);
});

test("[GAP] before anything came nothing is claimed", () => {
  assert.equal(judge([lane("Alpha", { seen: 0 })]).kind, "waiting");
});
