import { drawWorld, type WorldOptions } from "./options.ts";
import { drawPlan, type Step } from "./plan.ts";
import { type Sabotage, World, type WorldReport } from "./world.ts";

export interface SimulateExtras {
  /** What is other than the seed would have it. */
  readonly options?: Partial<WorldOptions>;
  readonly sabotage?: Sabotage;
  /** Hears what happens, a line each. */
  readonly trace?: (line: string) => void;
}

/** Draws the world of a seed, lets it live, and reports. The same seed lives the same life. */
export async function simulate(seed: number, extras: SimulateExtras = {}): Promise<WorldReport> {
  const options = drawWorld(seed, extras.options);
  return await new World(options, extras).run(drawPlan(options));
}

/** Removes steps from the plan of a seed for as long as the same promise is broken without them. */
export async function shrink(seed: number, extras: SimulateExtras = {}): Promise<readonly Step[]> {
  const options = drawWorld(seed, extras.options);
  const broken = async (plan: readonly Step[]) => {
    const { violations } = await new World(options, {
      ...(extras.sabotage && { sabotage: extras.sabotage }),
    }).run(plan);
    return violations[0]?.promise;
  };
  let plan: readonly Step[] = drawPlan(options);
  const promise = await broken(plan);
  if (promise === undefined) return plan;
  for (let size = Math.ceil(plan.length / 2); ; size = Math.ceil(size / 2)) {
    let isShorter = false;
    for (let at = 0; at < plan.length; ) {
      const shorter = without(plan, at, size);
      if ((await broken(shorter)) === promise) {
        plan = shorter;
        isShorter = true;
      } else {
        at += size;
      }
    }
    if (size === 1 && !isShorter) return plan;
  }
}

/** The plan without some steps; what is left happens when it would have. */
function without(plan: readonly Step[], from: number, count: number): Step[] {
  const skippedMs = plan.slice(from, from + count).reduce((sum, { afterMs }) => sum + afterMs, 0);
  return [
    ...plan.slice(0, from),
    ...plan
      .slice(from + count)
      .map((step, index) => (index === 0 ? { ...step, afterMs: step.afterMs + skippedMs } : step)),
  ];
}
