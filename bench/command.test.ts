import assert from "node:assert/strict";
import { test } from "node:test";
import { type MeasureCommand, readCommand, UsageError } from "./command.ts";
import { peers } from "./peers/index.ts";
import { scenarios } from "./scenarios/index.ts";

test("without arguments everything is measured", () => {
  const command = readCommand([]) as MeasureCommand;
  assert.deepEqual([command.kind, command.runs, command.scale], ["measure", 3, 1]);
  assert.deepEqual(command.scenarios, scenarios);
  assert.deepEqual(command.peers, peers);
});

test("scenarios, peers and sizes can be chosen", () => {
  const args =
    "latency fan-out --peers ws,holdfast --runs 2 --scale 0.1 --seconds 0.5 --out x --profile y".split(" ");
  const command = readCommand(args) as MeasureCommand;
  assert.deepEqual(
    command.scenarios.map(({ name }) => name),
    ["fan-out", "latency"],
  );
  assert.deepEqual(
    command.peers.map(({ name }) => name),
    ["holdfast", "ws"],
  );
  const { runs, scale, windowMs, out, profile } = command;
  assert.deepEqual([runs, scale, windowMs, out, profile], [2, 0.1, 500, "x", "y"]);
});

test("a report joins the folders that it is given", () => {
  assert.deepEqual(readCommand(["report", "a", "b", "--out", "c"]), {
    kind: "report",
    folders: ["a", "b"],
    out: "c",
  });
});

for (const [args, expected] of [
  [["fan-in"], /no scenario "fan-in".*fan-out/],
  [["--peers", "carrier-pigeon"], /no peer "carrier-pigeon".*holdfast/],
  [["--runs", "0"], /--runs takes a number from 1/],
  [["--scale", "big"], /--scale takes a number/],
  [["--seconds", ""], /--seconds takes a number/],
  [["--fast"], /--fast/],
] as const) {
  test(`"${args.join(" ")}" is refused with what would be right`, () => {
    assert.throws(
      () => readCommand(args),
      (error) => error instanceof UsageError && expected.test(error.message),
    );
  });
}
