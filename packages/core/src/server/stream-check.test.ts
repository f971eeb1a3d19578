import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEvent, ServerMessage, WireEvent } from "@holdfast/protocol";
import { StreamCheck } from "./stream-check.test-support.ts";
import { numbered } from "./world.test-support.ts";

const log: LogEvent[] = [1, 2, 3, 4, 5].map((offset) => ({
  ...numbered(offset, offset % 2 === 0 ? "even" : "odd"),
  offset,
  at: 0,
}));
const history = new Map([["k", log]]);

const start: ServerMessage = { type: "subscribed", channel: "a", cursor: "k-1", head: "k-5" };
const gap: ServerMessage = { type: "gap", channel: "a", from: "k-1", to: "k-3", reason: "slow" };
const end: ServerMessage = { type: "end", channel: "a", cursor: "k-5" };

function batch(from: number, to: number, ...offsets: number[]): ServerMessage {
  const events: WireEvent[] = offsets.map((offset) => ({ cursor: `k-${offset}`, at: 0, data: offset }));
  return { type: "events", channel: "a", from: `k-${from}`, to: `k-${to}`, events };
}

function hears(mode: "every" | "latest", ...messages: ServerMessage[]): StreamCheck {
  const check = new StreamCheck("a", mode);
  for (const message of messages) check.hear(message, history);
  return check;
}

test("what may be said passes the check", () => {
  const check = hears(
    "every",
    start,
    batch(1, 3, 2, 3),
    { ...gap, from: "k-3", to: "k-4" },
    batch(4, 5, 5),
    end,
  );
  assert.deepEqual([check.hasEnded, check.events], [true, ["k-2", "k-3", "k-5"]]);
  hears("latest", start, batch(1, 5, 4, 5), { type: "heartbeat", heads: { a: "k-5", b: "k-99" } });
  hears("every", start, { type: "unsubscribed", channel: "a" }, start);
});

for (const [rule, mode, ...messages] of [
  ["DUP-1", "every", start, batch(2, 3, 3)],
  ["DUP-1", "every", start, batch(1, 3, 2, 3), batch(1, 3, 2, 3)],
  ["DUP-1", "every", start, batch(1, 1)],
  ["MODE-1", "every", start, batch(1, 4, 2, 4)],
  ["MODE-1", "every", start, batch(1, 5)],
  ["MODE-2", "latest", start, batch(1, 5, 5)],
  ["ORD-1", "every", start, batch(1, 3, 3, 2)],
  ["ORD-1", "every", start, batch(1, 2, 2, 3)],
  ["ORD-1", "every", start, { ...batch(1, 2), events: [{ cursor: "k-2", at: 0, data: 7 }] } as ServerMessage],
  ["GAP-1", "every", start, { ...gap, from: "k-2" }],
  ["END-1", "every", start, end],
  ["END-1", "every", start, batch(1, 2, 2), { ...end, cursor: "k-2" }],
  ["SUB-1", "every", batch(1, 2, 2)],
  ["SUB-2", "every", start, start],
  ["SUB-5", "every", start, { type: "unsubscribed", channel: "a" }, batch(1, 2, 2)],
  ["BEAT-2", "every", start, { type: "heartbeat", heads: { a: "k-5" } }],
] as [string, "every" | "latest", ...ServerMessage[]][]) {
  const said = messages.map(({ type }) => type).join(", ");
  test(`[${rule}] the check sees it broken by ${said}`, () => {
    assert.throws(() => hears(mode, ...messages), {
      message: new RegExp(`^${rule === "SUB-1" ? "SUB-5" : rule} `),
    });
  });
}
