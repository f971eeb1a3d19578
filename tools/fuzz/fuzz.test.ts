import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import test, { describe } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import fc from "fast-check";
import { fuzz } from "./engine.ts";
import { holdsRoundTrip, target } from "./target.ts";
import { targets } from "./targets.ts";
import { watch } from "./watch.ts";

const upTo = (max: number) => (executions: number) => executions < max;

describe("every decoder stays true to its word", () => {
  for (const one of targets) {
    test(one.name, () => {
      const { executions, failure } = fuzz(one, { seed: 1, goOn: upTo(2000) });
      assert.equal(failure, undefined);
      assert.ok(executions >= 2000);
    });
  }
});

describe("a fault is found", () => {
  const broken = target("broken", fc.string(), (input) => {
    if (input.includes("x")) throw new TypeError("x is too much");
  });

  test("with the smallest input, and with a seed that finds it again in its first batch", () => {
    const { failure } = fuzz(broken, { seed: 1, goOn: upTo(100_000) });
    assert.equal(failure?.input, '"x"');
    assert.match(failure.error, /x is too much/);
    const again = fuzz(broken, { seed: failure.seed, goOn: upTo(1) });
    assert.deepEqual(again.failure?.input, failure.input);
  });

  test("when a decoder throws what is no outcome", () => {
    const decode = (): string => {
      throw new RangeError("Maximum call stack size exceeded");
    };
    assert.throws(() => holdsRoundTrip("a", decode, String), RangeError);
    const refuse = (): string => {
      throw new HoldfastError("bad_json");
    };
    holdsRoundTrip("a", refuse, String);
  });

  test("when what was encoded decodes to something else, or not at all", () => {
    const lossy = (value: string) => value.slice(1);
    assert.throws(() => holdsRoundTrip("ab", (text) => text, lossy), assert.AssertionError);
    const digits = (text: string) => {
      if (!/^\d+$/.test(text)) throw new HoldfastError("bad_parameter");
      return Number(text);
    };
    holdsRoundTrip("007", digits, String);
    assert.throws(() => holdsRoundTrip("9".repeat(30), digits, String), HoldfastError);
  });

  test("when an execution hangs: its thread is ended, and its input is told", async () => {
    const source = `
      import fc from ${JSON.stringify(import.meta.resolve("fast-check"))};
      export const targets = [{ name: "stuck", input: fc.constant("é"), run: () => { for (;;); } }];
    `;
    const report = await watch({
      module: `data:text/javascript,${encodeURIComponent(source)}`,
      name: "stuck",
      seed: 7,
      milliseconds: 60_000,
      executionsMax: 10,
      hangMs: 300,
    });
    assert.deepEqual(report, {
      executions: 1,
      failure: { seed: 7, input: '"é"', error: "An execution took more than 300 ms." },
    });
  });
});

describe("the command", () => {
  const run = (...args: string[]) => {
    const script = join(import.meta.dirname, "../fuzz.ts");
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], { encoding: "utf8" });
    return { status, stdout, stderr };
  };

  test("tells each target with its executions and seed", () => {
    const { status, stdout } = run("--target", "cursor", "--seconds", "1", "--seed", "5");
    assert.match(stdout, /^ok {3}cursor: [1-9]\d* executions, seed 5\n$/);
    assert.equal(status, 0);
  });

  test("says what it takes when it was given something else", () => {
    for (const args of [["--target", "nope"], ["--seed", "x"], ["--seconds", "0"], ["--fast"]]) {
      const { status, stderr } = run(...args);
      assert.match(stderr, /npm run fuzz -- /);
      assert.equal(status, 2);
    }
  });
});
