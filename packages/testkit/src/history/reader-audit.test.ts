import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEvent, Start } from "@holdfast/protocol";
import { Raw, ReaderAudit, type ReadingRules, type SeenEvent } from "./reader-audit.ts";
import { TruthLog } from "./truth-log.ts";

function event(offset: number, more: Partial<LogEvent> = {}): LogEvent {
  return { offset, at: 1000 + offset, payload: { encoding: "json", text: `{"n":${offset}}` }, ...more };
}

function seen(offset: number, more: Partial<SeenEvent> = {}): SeenEvent {
  return { cursor: `k-${offset}`, at: 1000 + offset, data: { n: offset }, ...more };
}

interface Case {
  readonly audit: ReaderAudit;
  readonly log: TruthLog;
  /** The promises that were broken, in order. */
  readonly broken: string[];
}

/** A reader of a log with events 1 to 6, of which the first two were removed. */
function reader(
  rules: ReadingRules = { mode: "every", maxLag: 0 },
  start: Start = { after: "oldest" },
): Case {
  const log = new TruthLog("news", "k", 0);
  log.push(
    [1, 2, 3, 4, 5, 6].map((offset) => event(offset)),
    6,
  );
  log.removedTo(2);
  const broken: string[] = [];
  const about = { name: "r", channel: "news", start };
  const audit = new ReaderAudit(about, [new TruthLog("news", "j", 0), log], rules, (promise) =>
    broken.push(promise),
  );
  return { audit, log, broken };
}

function started(at: string, rules?: ReadingRules): Case {
  const one = reader(rules);
  one.audit.subscribed(at);
  return one;
}

test("what was read whole and in order breaks nothing", () => {
  const { audit, log, broken } = started("k-2");
  audit.events([seen(3), seen(4)], "k-4");
  audit.events([], "k-4");
  audit.events([seen(5), seen(6)], "k-6");
  log.isClosed = true;
  audit.end("k-6");
  audit.checkArrived();
  assert.deepEqual(broken, []);
});

const wrong: readonly (readonly [what: string, promise: string, tell: (one: Case) => void])[] = [
  ["an event left out", "GAP", ({ audit }) => audit.events([seen(3), seen(5)], "k-5")],
  ["the last event left out", "GAP", ({ audit }) => audit.events([seen(3)], "k-4")],
  ["an event again", "DUP", ({ audit }) => audit.events([seen(2), seen(3)], "k-3")],
  ["an event twice in one batch", "DUP", ({ audit }) => audit.events([seen(3), seen(3)], "k-3")],
  ["events in another order", "ORD", ({ audit }) => audit.events([seen(4), seen(3)], "k-4")],
  ["an event beyond the batch", "ORD", ({ audit }) => audit.events([seen(3), seen(4)], "k-3")],
  [
    "an event that nobody published",
    "ORD",
    ({ audit, log }) => {
      log.push([], 8);
      audit.events([seen(3), seen(4), seen(5), seen(6), seen(7)], "k-8");
    },
  ],
  ["another payload", "ORD", ({ audit }) => audit.events([seen(3, { data: { n: 4 } })], "k-3")],
  ["another time", "ORD", ({ audit }) => audit.events([seen(3, { at: 1 })], "k-3")],
  ["another type", "ORD", ({ audit }) => audit.events([seen(3, { type: "x" })], "k-3")],
  ["an id from nowhere", "ORD", ({ audit }) => audit.events([seen(3, { id: "x" })], "k-3")],
  ["a step back", "DUP", ({ audit }) => audit.events([], "k-1")],
  ["a step beyond the head", "GAP", ({ audit }) => audit.events([seen(3), seen(4), seen(5), seen(6)], "k-9")],
  ["another log without a gap", "GAP", ({ audit }) => audit.events([], "j-0")],
  ["a log that never was", "GAP", ({ audit }) => audit.events([], "x-3")],
  ["a gap from elsewhere", "GAP", ({ audit }) => audit.gap("k-1", "k-2", "expired")],
  ["a gap over what can still be had", "GAP", ({ audit }) => audit.gap("k-2", "k-3", "expired")],
  ["a gap that leads nowhere", "GAP", ({ audit }) => audit.gap("k-2", "k-2", "expired")],
  ["a gap `slow` where no lag is too great", "GAP", ({ audit }) => audit.gap("k-2", "k-6", "slow")],
  ["a gap into an older log", "GAP", ({ audit }) => audit.gap("k-2", "j-0", "epoch")],
  ["a gap `expired` into another log", "GAP", ({ audit }) => audit.gap("k-2", "j-0", "expired")],
  ["the end of a channel that is open", "GAP", ({ audit }) => audit.end("k-2")],
  [
    "the end before everything was read",
    "GAP",
    ({ audit, log }) => {
      log.isClosed = true;
      audit.end("k-6");
    },
  ],
  [
    "anything after the end",
    "WIRE",
    ({ audit, log }) => {
      log.isClosed = true;
      audit.events([seen(3), seen(4), seen(5), seen(6)], "k-6");
      audit.end("k-6");
      audit.events([], "k-6");
    },
  ],
  ["a second start", "WIRE", ({ audit }) => audit.subscribed("k-2")],
  ["a reader that does not arrive", "LIVE", ({ audit }) => audit.checkArrived()],
  [
    "a reader that is not told of the end",
    "LIVE",
    ({ audit, log }) => {
      log.isClosed = true;
      audit.events([seen(3), seen(4), seen(5), seen(6)], "k-6");
      audit.checkArrived();
    },
  ],
];

for (const [what, promise, tell] of wrong) {
  test(`[${promise}] ${what} is noticed`, () => {
    const one = started("k-2");
    tell(one);
    assert.equal(one.broken[0], promise);
  });
}

test("[GAP] a start elsewhere than asked for, or beyond the head, is noticed", () => {
  const elsewhere = reader(undefined, { after: { epoch: "k", offset: 3 } });
  elsewhere.audit.subscribed("k-4");
  assert.deepEqual(elsewhere.broken, ["GAP"]);
  assert.deepEqual(started("k-7").broken, ["GAP"]);
  assert.deepEqual(started("x-0").broken, ["GAP"]);
});

test("[READ-1] events before the position are noticed", () => {
  const { audit, broken } = reader();
  audit.events([seen(3)], "k-3");
  assert.deepEqual(broken, ["WIRE"]);
});

test("gaps that are what they say break nothing", () => {
  const expired = started("k-0");
  expired.audit.gap("k-0", "k-2", "expired");
  assert.deepEqual(expired.broken, []);
  const other = started("j-0");
  other.audit.gap("j-0", "k-2", "epoch");
  assert.deepEqual(other.broken, []);
  const slow = started("k-2", { mode: "every", maxLag: 3 });
  slow.audit.gap("k-2", "k-6", "slow");
  assert.deepEqual(slow.broken, []);
});

test("[MODE-2] in mode `latest` only what a later event of its key replaces may be left out", () => {
  const rules: ReadingRules = { mode: "latest", maxLag: 0 };
  const one = reader(rules);
  one.log.push([event(7, { key: "a" }), event(8, { key: "b" }), event(9, { key: "a" })], 9);
  one.audit.subscribed("k-6");
  one.audit.events([seen(8, { key: "b" })], "k-8");
  one.audit.events([seen(9, { key: "a" })], "k-9");
  assert.deepEqual(one.broken, []);
  const lost = reader(rules);
  lost.log.push([event(7, { key: "a" }), event(8, { key: "b" })], 8);
  lost.audit.subscribed("k-6");
  lost.audit.events([seen(8, { key: "b" })], "k-8");
  assert.deepEqual(lost.broken, ["GAP"]);
});

test("payloads are compared by their kind, and as the text of an event stream where only that is known", () => {
  const log = new TruthLog("news", "k", 0);
  const bytes = Uint8Array.of(0, 255);
  log.push(
    [
      event(1, { payload: { encoding: "text", text: "a\r\nb" } }),
      event(2, { payload: { encoding: "base64", bytes }, type: "t" }),
    ],
    2,
  );
  const read = (...events: SeenEvent[]) => {
    const broken: string[] = [];
    const about = { name: "r", channel: "news", start: { after: "oldest" } } as const;
    const audit = new ReaderAudit(about, [log], { mode: "every", maxLag: 0 }, (_promise, what) =>
      broken.push(what),
    );
    audit.subscribed("k-0");
    audit.events(events, "k-2");
    return broken.length;
  };
  assert.equal(read(seen(1, { data: "a\r\nb" }), seen(2, { data: Uint8Array.of(0, 255), type: "t" })), 0);
  const [first, second] = [new Raw("a\nb"), new Raw("AP8=")];
  assert.equal(read({ cursor: "k-1", data: first }, { cursor: "k-2", data: second, type: "t" }), 0);
  assert.equal(read(seen(1, { data: "a\nb" }), seen(2, { data: bytes, type: "t" })), 1);
  assert.equal(read(seen(1, { data: "a\r\nb" }), seen(2, { data: [0, 255], type: "t" })), 1);
  assert.equal(read({ cursor: "k-1", data: first }, { cursor: "k-2", data: second }), 1);
});
