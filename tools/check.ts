import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { root } from "./repository.ts";

// Run by their files, not through npx: that costs half a second each and needs a shell on Windows.
const checks = {
  types: ["node_modules/typescript/bin/tsc", "-b"],
  style: ["node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "--diagnostic-level=warn"],
  promises: ["tools/check-promises.ts"],
  imports: ["tools/check-imports.ts"],
  rules: ["tools/check-rules.ts"],
} satisfies Record<string, string[]>;

type Check = keyof typeof checks;

const isCheck = (name: string): name is Check => Object.hasOwn(checks, name);

interface Result {
  code: number;
  output: string;
  seconds: string;
}

async function run(name: Check): Promise<Result> {
  const started = performance.now();
  const [script = "", ...args] = checks[name];
  const child = spawn(process.execPath, [join(root, script), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const collect = (text: string) => {
    output += text;
  };
  child.stdout.setEncoding("utf8").on("data", collect);
  child.stderr.setEncoding("utf8").on("data", collect);
  const [code] = (await once(child, "close")) as [number | null];
  return {
    code: code ?? 1,
    output: output.trim(),
    seconds: ((performance.now() - started) / 1000).toFixed(1),
  };
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !isCheck(name));
if (unknown.length > 0) {
  console.error(`There is no check "${unknown[0]}"; there are ${Object.keys(checks).join(", ")}.`);
  process.exit(2);
}
const names = (asked.length > 0 ? asked : Object.keys(checks)).filter(isCheck);
const running = names.map((name) => ({ name, result: run(name) }));
const failed: string[] = [];
for (const { name, result } of running) {
  const { code, output, seconds } = await result;
  if (code !== 0) failed.push(name);
  console.log(`${code === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  if (code !== 0 && output) console.log(`${output}\n`);
}
if (failed.length > 0) {
  console.error(`Check failed: ${failed.join(", ")}. Many faults of style are mended by "npm run fix".`);
  process.exitCode = 1;
}
