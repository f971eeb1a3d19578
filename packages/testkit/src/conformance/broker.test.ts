import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import { type Change, changedMemory } from "./broker/changed.ts";
import { followingSabotages } from "./broker/sabotages/following.ts";
import { publishingSabotages } from "./broker/sabotages/publishing.ts";
import { readingSabotages } from "./broker/sabotages/reading.ts";
import { brokerRules, tryRule } from "./broker.ts";

/** The titles of the rules of these ids that a broker breaks. */
async function broken(change: Change, ids: string): Promise<string[]> {
  const titles: string[] = [];
  for (const rule of brokerRules) {
    if (!rule.title.includes(`[${ids}]`)) continue;
    const options = { historyEvents: 3000, deadlineMs: 200 };
    await tryRule(rule, async (retention) => changedMemory(retention, change), options).catch(
      (error: unknown) => {
        // Anything else would be a mistake of this test.
        if (!(error instanceof assert.AssertionError || error instanceof HoldfastError)) throw error;
        titles.push(rule.title);
      },
    );
  }
  return titles;
}

for (const { fault, breaks, change } of [
  ...publishingSabotages,
  ...readingSabotages,
  ...followingSabotages,
]) {
  test(`the suite catches a broker that ${fault} [${breaks}]`, async () => {
    assert.deepEqual(await broken(() => ({}), breaks), [], "the same broker without the fault passes");
    assert.notDeepEqual(await broken(change, breaks), []);
  });
}
