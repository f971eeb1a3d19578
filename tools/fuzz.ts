import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";
import { targets } from "./fuzz/targets.ts";
import { watch } from "./fuzz/watch.ts";

const usage = `Feeds every decoder what it does not expect, and checks that it stays true to its word.

npm run fuzz -- [--target NAME] [--seconds N] [--seed N]

  --target NAME  one of: ${targets.map(({ name }) => name).join(", ")}; all when not given
  --seconds N    how long in all (60)
  --seed N       where to begin; a failure names the seed that finds it again at once`;

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`--${name} is a whole number from ${min} to ${max}, not "${text}".`);
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      target: { type: "string" },
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: String(randomInt(2 ** 30)) },
      help: { type: "boolean", default: false },
    },
  });
  const names = targets.map(({ name }) => name).filter((name) => name === (values.target ?? name));
  if (names.length === 0) throw new Error(`There is no target "${values.target}".`);
  return {
    help: values.help,
    names,
    seed: whole("seed", values.seed, 0, 2 ** 31 - 1),
    milliseconds: (whole("seconds", values.seconds, 1, 86_400 * 7) * 1000) / names.length,
  };
}

/** Says how one target fared; answers whether it holds. */
async function run(name: string, seed: number, milliseconds: number): Promise<boolean> {
  const module = new URL("./fuzz/targets.ts", import.meta.url).href;
  const limits = { milliseconds, executionsMax: Number.POSITIVE_INFINITY, hangMs: 10_000 };
  const { executions, failure } = await watch({ module, name, seed, ...limits });
  console.log(`${failure === undefined ? "ok  " : "FAIL"} ${name}: ${executions} executions, seed ${seed}`);
  if (failure === undefined) return true;
  console.error(`input: ${failure.input}\n${failure.error}`);
  console.error(`again: npm run fuzz -- --target ${name} --seed ${failure.seed}`);
  return false;
}

let options: ReturnType<typeof readOptions>;
try {
  options = readOptions();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exit(2);
}
const { help, names, seed, milliseconds } = options;
if (help) {
  console.log(usage);
} else {
  for (const name of names) if (!(await run(name, seed, milliseconds))) process.exitCode = 1;
}
