import assert from "node:assert/strict";
import { simulate } from "@holdfast/testkit";

/**
 * What some hundred worlds must have seen, or they prove less than they seem to. What is rare in them has a scenario of
 * its own instead, as a poll that is being answered as its node goes away.
 */
const expected = [
  ...["websocket", "sse", "long-poll", "poll"].flatMap((transport) =>
    ["events", "gap", "end", "subscribed"].map((type) => `"${type}" over ${transport}`),
  ),
  ...["websocket", "sse", "long-poll"].map((transport) => `"reconnect" over ${transport}`),
  '"events" lost',
  "stream paused",
  "stream read on",
  ...["expired", "epoch", "slow"].map((reason) => `gap ${reason}`),
  ...[
    "block",
    "close",
    "crash",
    "cut",
    "deafen",
    "drain",
    "loseLog",
    "offline",
    "partition",
    "permit",
    "revoke",
    "sleep",
    "slow",
    "stall",
    "starve",
  ].map((fault) => `action ${fault}`),
  ...["channel_closed", "precondition_failed", "timed_out"].map((code) => `unpublished: ${code}`),
  "published, as a duplicate",
  '"expiring" over websocket',
  '"renewed" over websocket',
  "refused: forbidden",
  "signed in anew",
  "state recovering",
];

/** Lives through the worlds of so many seeds; each broken promise is told with the command that shows it again. */
export async function liveThrough(from: number, count: number): Promise<void> {
  const broken: string[] = [];
  const counts = new Map<string, number>();
  for (let seed = from; seed < from + count; seed++) {
    const report = await simulate(seed);
    for (const [what, times] of report.counts) counts.set(what, (counts.get(what) ?? 0) + times);
    const [violation] = report.violations;
    if (violation === undefined) continue;
    broken.push(`npm run simulate -- --seed ${seed}   ${violation.promise}: ${violation.what}`);
  }
  assert.deepEqual(broken, []);
  for (const what of expected) assert.ok(counts.has(what), `in ${count} worlds there never was: ${what}`);
}
