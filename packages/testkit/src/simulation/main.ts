import { parseArgs } from "node:util";
import { drawWorld, type WorldOptions } from "./options.ts";
import { drawPlan, type Step } from "./plan.ts";
import { shrink, simulate } from "./simulate.ts";
import { World, type WorldReport } from "./world.ts";

const help = `Lives through random worlds, and holds them against the promises.

npm run simulate                        1,000 worlds, from a seed that nobody tried before
npm run simulate -- --seeds 50000       as many
npm run simulate -- --from 7            worlds from this seed on
npm run simulate -- --seed 1624         one world again
npm run simulate -- --seed 1624 --verbose   with everything that happens in it
npm run simulate -- --seed 1624 --shrink    with only the steps that break the promise
npm run simulate -- --steps 500         longer worlds`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string" },
    seed: { type: "string" },
    steps: { type: "string" },
    verbose: { type: "boolean", default: false },
    shrink: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function wholeNumber(name: "seeds" | "from" | "seed" | "steps"): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  if (/^[0-9]+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  console.error(`--${name} takes a whole number, not "${text}".`);
  process.exit(2);
}

const steps = wholeNumber("steps");
const options: Partial<WorldOptions> = steps === undefined ? {} : { steps };

function describe({ violations, happenings, seen, gaps, acknowledged }: WorldReport): string {
  const lived = `${happenings} happenings, ${acknowledged} publishes acknowledged, ${seen} events seen, ${gaps} gaps`;
  const [first] = violations;
  return first === undefined ? lived : `${first.promise}: ${first.what}\n    ${lived}`;
}

async function one(seed: number): Promise<boolean> {
  if (values.verbose) console.log(JSON.stringify(drawWorld(seed, options), null, 2));
  const report = await simulate(seed, { options, ...(values.verbose && { trace: console.log }) });
  console.log(`seed ${seed}  ${describe(report)}`);
  if (report.violations.length > 0 && values.shrink)
    await tellShortest(seed, await shrink(seed, { options }));
  return report.violations.length === 0;
}

async function tellShortest(seed: number, plan: readonly Step[]): Promise<void> {
  const world = drawWorld(seed, options);
  console.log(`${plan.length} of ${drawPlan(world).length} steps break it:`);
  await new World(world, { trace: console.log }).run(plan);
}

/** Lives through many worlds, and names those in which a promise was broken. */
async function many(from: number, count: number): Promise<boolean> {
  const began = performance.now();
  let broken = 0;
  let seen = 0;
  for (let seed = from; seed < from + count; seed++) {
    const report = await simulate(seed, { options });
    seen += report.seen;
    if (report.violations.length > 0) {
      broken++;
      console.log(`seed ${seed}  ${describe(report)}`);
    }
    const done = seed - from + 1;
    if (done % 1000 === 0) console.log(`${done} of ${count} worlds, ${broken} broken`);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`Worlds ${from} to ${from + count - 1}: ${broken} broken, ${seen} events seen, ${seconds} s.`);
  return broken === 0;
}

if (values.help) {
  console.log(help);
} else {
  const seed = wholeNumber("seed");
  const from = wholeNumber("from") ?? Math.floor(Math.random() * 0x7fff_ffff);
  const isRight = seed === undefined ? await many(from, wholeNumber("seeds") ?? 1000) : await one(seed);
  if (!isRight) process.exitCode = 1;
}
