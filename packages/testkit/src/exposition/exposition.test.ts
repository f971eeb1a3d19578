import assert from "node:assert/strict";
import { test } from "node:test";
import { lintExposition, parseExposition, sumOf } from "./exposition.ts";

const sound = `# HELP requests_total Requests that were answered.
# TYPE requests_total counter
requests_total{route="/a \\"b\\" \\\\ \\n",status="200"} 2
requests_total{route="/b",status="404"} 1

# HELP lag_seconds How late it was, in one sentence.
# TYPE lag_seconds histogram
lag_seconds_bucket{le="0.1"} 1
lag_seconds_bucket{le="+Inf"} 3
lag_seconds_sum 1.5
lag_seconds_count 3
`;

test("what Prometheus would take is read, with labels as they were meant", () => {
  const families = parseExposition(sound);
  assert.deepEqual(lintExposition(families), []);
  assert.equal(families.get("requests_total")?.samples[0]?.labels["route"], '/a "b" \\ \n');
  assert.deepEqual(
    [
      sumOf(families, "requests_total"),
      sumOf(families, "requests_total", { status: "404" }),
      sumOf(families, "lag_seconds_count"),
      sumOf(families, "lag_seconds_bucket", { le: "0.1" }),
      sumOf(families, "nothing"),
    ],
    [3, 1, 3, 1, 0],
  );
});

const broken: Readonly<Record<string, RegExp>> = {
  "a_total 1\n": /no name/,
  "# TYPE a_total counter\na_total 1\n": /no HELP/,
  "# HELP a_total A.\n# TYPE a_total counter\nb_total 1\n": /stands under/,
  "# HELP a_total A.\n# TYPE a_total counter\na_total one\n": /no sample/,
  "# HELP a_total A.\n# TYPE a_total counter\na_total{x=1} 1\n": /no labels/,
  '# HELP a_total A.\n# TYPE a_total counter\na_total{x="1",x="2"} 1\n': /comes twice/,
  "# HELP a A.\n# TYPE a gauge\n# HELP a A.\n# TYPE a gauge\n": /two places/,
  "# HELP a A.\n# TYPE a gauge\na 1": /does not end/,
};
for (const [text, problem] of Object.entries(broken)) {
  test(`what Prometheus would not take is refused: ${problem.source}`, () => {
    assert.throws(() => parseExposition(text), problem);
  });
}

const sentence = "What it is, in a whole sentence.";
const family = (name: string, type: string, ...samples: string[]) =>
  `# HELP ${name} ${sentence}\n# TYPE ${name} ${type}\n${samples.map((one) => `${one}\n`).join("")}`;
const bad: readonly (readonly [text: string, problem: RegExp])[] = [
  [family("requests", "counter"), /is a counter/],
  [family("size_total", "gauge"), /is a gauge/],
  [family("wait_ms", "gauge"), /base unit/],
  [family("things_count", "gauge"), /histogram's samples/],
  [family("Things", "gauge"), /snake_case/],
  ["# HELP a x\n# TYPE a gauge\na 1\n", /no sentence/],
  [family("a", "gauge", 'a{x="1",y="2"} 1', 'a{y="2",x="1"} 1'), /told twice/],
  [family("a_total", "counter", "a_total -1"), /negative/],
  [family("a", "histogram", 'a_bucket{le="1"} 2', 'a_bucket{le="+Inf"} 1', "a_count 1"), /not cumulative/],
  [family("a", "histogram", 'a_bucket{le="2"} 1', 'a_bucket{le="1"} 1', "a_count 1"), /no order/],
  [family("a", "histogram", 'a_bucket{le="1"} 1', "a_count 2"), /last bucket/],
];
for (const [text, problem] of bad) {
  test(`what a careful reader would frown at is named: ${problem.source}`, () => {
    assert.match(lintExposition(parseExposition(text)).join("\n"), problem);
  });
}
