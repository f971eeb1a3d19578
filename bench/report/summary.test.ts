import assert from "node:assert/strict";
import { test } from "node:test";
import { peers } from "../peers/index.ts";
import type { Result } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { resultsPage, shortfallSection, targetSection } from "./markdown.ts";
import { plot } from "./plot.ts";
import { updatePage } from "./report.ts";
import { spreadOf } from "./spread.ts";
import { shortfallsOf, summarise } from "./summary.ts";

const scenario: Scenario = {
  name: "race",
  title: "A race <of> two",
  about: "Who is faster.",
  bases: ["ws"],
  measures: [
    { name: "speed", title: "speed", unit: "/s", better: "more" },
    { name: "delay", title: "delay", unit: "ms", better: "less" },
  ],
  plotted: ["speed", "delay"],
  targets: [
    { text: "twice ws", case: "short", measure: "speed", peer: "holdfast", base: "ws", atLeast: 2 },
    {
      text: "no slower when long",
      case: "long",
      measure: "speed",
      peer: "holdfast",
      baseCase: "short",
      atLeast: 1,
    },
    { text: "below 5 ms", case: "short", measure: "delay", peer: "holdfast", atMost: 5 },
    { text: "never run", case: "none", measure: "speed", peer: "holdfast", atLeast: 1 },
  ],
  trials: () => [],
};

const origin = {
  processor: "Abacus",
  cores: 2,
  memoryBytes: 2 ** 34,
  system: "Linux",
  node: "v26",
  versions: { ws: "8" },
  commit: "abc",
  isModified: false,
};

function resultOf(
  runs: readonly (readonly [run: number, peer: string, name: string, speed: number, delay: number])[],
): Result {
  return {
    scenario: "race",
    origin,
    startedAt: "2026-11-22T00:00:00.000Z",
    tookMs: 1,
    options: { runs: 3, scale: 1, windowMs: 1000, warmUpMs: 100 },
    refusals: [{ peer: "net", reason: "it has no legs" }],
    runs: runs.map(([run, peer, name, speed, delay]) => ({
      run,
      peer,
      trial: "all",
      observations: [{ case: name, lost: peer === "ws" ? 1 : 0, notes: [], figures: { speed, delay } }],
    })),
  };
}

const first = resultOf([
  [1, "holdfast", "short", 100, 4],
  [1, "ws", "short", 50, 3],
  [1, "holdfast", "long", 90, 4],
  [2, "holdfast", "short", 400, 4],
  [2, "ws", "short", 100, 3],
  [2, "holdfast", "long", 100, 4],
]);
const second = resultOf([
  [1, "holdfast", "short", 30, 6],
  [1, "ws", "short", 10, 3],
]);

test("a spread is the median, the least and the greatest", () => {
  assert.deepEqual(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3, runs: 3 });
  assert.deepEqual(spreadOf([4, 1]), { median: 2.5, min: 1, max: 4, runs: 2 });
  assert.equal(spreadOf([]), undefined);
});

test("ratios are taken turn by turn, also over several results", () => {
  const [short] = summarise(scenario, [first, second], peers).cases;
  const speed = short?.rows.find(({ peer }) => peer.name === "holdfast")?.cells.get("speed");
  // 100/50, 400/100 and 30/10: never a figure of one turn by that of another.
  assert.deepEqual(speed?.ratio, { base: "ws", spread: { median: 3, min: 2, max: 4, runs: 3 } });
  assert.deepEqual(speed?.spread, { median: 100, min: 30, max: 400, runs: 3 });
  const base = short?.rows.find(({ peer }) => peer.name === "ws");
  assert.equal(base?.cells.get("speed")?.ratio, undefined);
  assert.equal(base?.lost, 3);
});

test("targets are judged by the ratio to a peer, to another case, or by the figure itself", () => {
  const { verdicts } = summarise(scenario, [first], peers);
  assert.deepEqual(
    verdicts.map(({ reached, isMet }) => [reached?.median, isMet]),
    [
      [3, true],
      [0.575, false],
      [4, true],
      [undefined, undefined],
    ],
  );
});

test("where another peer of the same transport did better is told", () => {
  const shortfalls = shortfallsOf(summarise(scenario, [first], peers));
  assert.deepEqual(
    shortfalls.map(({ case: name, measure, ours, other }) => [name, measure.name, ours.name, other.name]),
    [["short", "delay", "holdfast", "ws"]],
  );
  assert.match(
    shortfallSection([summarise(scenario, [first], peers)]),
    /\| race: short \| delay, ms \| holdfast 4 \| ws 3 \| 1\.33 times \|/,
  );
});

test("the page tells every case, loss, refusal, target and origin", () => {
  const page = resultsPage([summarise(scenario, [first], peers)]);
  for (const expected of [
    "## A race <of> two",
    "### short",
    "| holdfast | 250 (100..400) × 3 ws | 4 (4..4) × 1.33 ws |  |",
    "| ws | 75 (50..100) | 3 (3..3) | lost 2 |",
    "| net |  | no: it has no legs |",
    "| race | 2026-11-22 | abc | Abacus, 2 cores, 16 GiB, Linux | Node v26, ws 8 | 3 runs of 1 s, scale 1 |",
    "| twice ws | ≥ 2 | 3 (2..4) | met |",
    "| never run | ≥ 1 | not measured |  |",
  ]) {
    assert.ok(page.includes(expected), `${expected}\n\n${page}`);
  }
});

test("a picture is well-formed, escapes what it is told, and has a bar for each peer", () => {
  const svg = plot(summarise(scenario, [first], peers));
  assert.ok(svg.includes("A race &lt;of&gt; two"));
  assert.equal(svg.match(/<rect class="(?:ours|other)" x="128"/g)?.length, 6);
  const open = svg.match(/<\w[^>]*[^/]>/g)?.length;
  assert.equal(open, svg.match(/<\/\w+>/g)?.length);
});

test("only what is marked as measured changes on a page", () => {
  const summaries = [summarise(scenario, [first], peers)];
  const page = "Before\n<!-- measured targets -->\nold\n<!-- /measured -->\nAfter\n";
  const expected = `Before\n<!-- measured targets -->\n${targetSection(summaries)}\n<!-- /measured -->\nAfter\n`;
  assert.equal(updatePage(page, summaries), expected);
  assert.equal(updatePage(expected, summaries), expected);
  assert.throws(() => updatePage("<!-- measured luck -->\n<!-- /measured -->", summaries), /"luck"/);
});
