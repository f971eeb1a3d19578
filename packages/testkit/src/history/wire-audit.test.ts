import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerMessage } from "@holdfast/protocol";
import { WireAudit } from "./wire-audit.ts";

const welcome = { type: "welcome" } as ServerMessage;

function subscribed(cursor: string): ServerMessage {
  return { type: "subscribed", channel: "news", cursor, head: cursor };
}

function events(from: number, to: number, ...offsets: number[]): ServerMessage {
  const given = offsets.map((offset) => ({ cursor: `k-${offset}`, at: 0, data: 0 }));
  return { type: "events", channel: "news", from: `k-${from}`, to: `k-${to}`, events: given };
}

function gap(from: string, to: string): ServerMessage {
  return { type: "gap", channel: "news", from, to, reason: "expired" };
}

function end(cursor: string): ServerMessage {
  return { type: "end", channel: "news", cursor };
}

function heartbeat(cursor: string): ServerMessage {
  return { type: "heartbeat", heads: { news: cursor } };
}

const reconnect: ServerMessage = { type: "reconnect", delayMs: 1, reason: "drain" };

/** How many rules a connection breaks that asks for `news` after `k-3` and is told this. */
function broken(...messages: readonly ServerMessage[]): number {
  const faults: string[] = [];
  const audit = new WireAudit("w", (_promise, what) => faults.push(what));
  audit.asked({ type: "hello", subscriptions: [{ channel: "news", after: "k-3" }] });
  for (const message of messages) audit.said(message);
  return faults.length;
}

test("a connection that follows the rules breaks none", () => {
  const unsubscribed = { type: "unsubscribed", channel: "news" } as const;
  assert.equal(
    broken(welcome, subscribed("k-3"), events(3, 5, 4, 5), events(5, 9), heartbeat("k-9"), end("k-9")),
    0,
  );
  assert.equal(broken(welcome, subscribed("k-3"), gap("k-3", "k-7"), events(7, 8, 8), unsubscribed), 0);
  assert.equal(broken(welcome, unsubscribed), 0);
});

for (const [rule, what, messages] of [
  ["SES-2", "anything before `welcome`", [heartbeat("k-3")]],
  ["SES-2", "`welcome` twice", [welcome, welcome]],
  ["SUB-1", "events before `subscribed`", [welcome, events(3, 4, 4)]],
  ["SUB-1", "a start elsewhere than asked for", [welcome, subscribed("k-4")]],
  ["SUB-2", "`subscribed` twice", [welcome, subscribed("k-3"), subscribed("k-3")]],
  [
    "SUB-5",
    "events after `unsubscribed`",
    [welcome, subscribed("k-3"), { type: "unsubscribed", channel: "news" }, events(3, 4, 4)],
  ],
  [
    "DUP-1",
    "a batch that does not follow the one before",
    [welcome, subscribed("k-3"), events(3, 5, 4, 5), events(4, 6, 5, 6)],
  ],
  ["DUP-1", "an event outside of its batch", [welcome, subscribed("k-3"), events(3, 5, 6)]],
  ["DUP-1", "events of a batch in another order", [welcome, subscribed("k-3"), events(3, 5, 5, 4)]],
  ["GAP-1", "a gap that begins elsewhere", [welcome, subscribed("k-3"), gap("k-2", "k-5")]],
  ["END-1", "an end that lies elsewhere", [welcome, subscribed("k-3"), end("k-4")]],
  ["BEAT-2", "a head that was not reached", [welcome, subscribed("k-3"), heartbeat("k-4")]],
  ["SES-7", "an answer that nobody asked for", [welcome, { type: "published", ref: 1, results: [] }]],
  ["CALM-2", "anything after the second `reconnect`", [welcome, reconnect, reconnect, heartbeat("k-3")]],
] as const satisfies readonly (readonly [string, string, readonly ServerMessage[]])[]) {
  test(`${what} is noticed (${rule})`, () => {
    assert.ok(broken(...messages) > 0);
  });
}
