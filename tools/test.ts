import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { chromiumPath, needChromium } from "./need-chromium.ts";
import { root } from "./repository.ts";

// npm test                    everything: the checks, then every test
// npm test -- hub sse         only the test files whose path contains "hub" or "sse", without the checks
// npm test -- hub --watch     what begins with a dash goes to node --test
const args = process.argv.slice(2);
const options = args.filter((arg) => arg.startsWith("-"));
const patterns = args.filter((arg) => !arg.startsWith("-"));

const everywhere = ["packages", "tests", "tools", "examples", "bench"].map(
  (folder) => `${folder}/**/*.test.ts`,
);
const files = globSync(everywhere, { cwd: root, exclude: ["**/node_modules", "**/dist"] })
  .map((path) => path.replaceAll("\\", "/"))
  .filter((path) => patterns.length === 0 || patterns.some((pattern) => path.includes(pattern)))
  .sort();
if (files.length === 0) {
  console.error(`No test file has ${patterns.map((pattern) => `"${pattern}"`).join(" or ")} in its path.`);
  process.exit(1);
}

// Packages are tested without a browser: a subset of their tests should not install one.
if (files.some((path) => /^(tests|examples)\//.test(path)) || patterns.length === 0) {
  const problem = needChromium();
  if (problem) {
    console.error(problem);
    process.exit(1);
  }
}

if (patterns.length === 0 || process.env.CI === "true") {
  const { status } = spawnSync(process.execPath, [join(root, "tools/check.ts")], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) {
    console.error(`The tests did not run. "npm test -- .test.ts" runs them without the checks.`);
    process.exit(1);
  }
}

const { status } = spawnSync(
  process.execPath,
  [
    "--test",
    "--test-reporter=spec",
    // Tests mostly wait, for sockets and for processes, so even two cores carry two files at once.
    `--test-concurrency=${Math.max(2, availableParallelism() - 1)}`,
    // A test that hangs is named, instead of hanging the whole run.
    "--test-timeout=300000",
    ...options,
    ...files,
  ],
  { cwd: root, stdio: "inherit", env: { ...process.env, HOLDFAST_CHROMIUM: chromiumPath() } },
);
process.exitCode = status ?? 1;
