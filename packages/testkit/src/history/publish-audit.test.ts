import assert from "node:assert/strict";
import { test } from "node:test";
import { type Draft, HoldfastError, type LogEvent } from "@holdfast/protocol";
import { PublishAudit } from "./publish-audit.ts";
import { TruthLog } from "./truth-log.ts";

function draft(id: string): Draft & { id: string } {
  return { payload: { encoding: "json", text: "1" }, id };
}

function event(offset: number, id: string): LogEvent {
  return { ...draft(id), offset, at: 1000 };
}

function result(offset: number, more: object = {}) {
  return { cursor: `k-${offset}`, at: 1000, duplicate: false, ...more };
}

/** A publisher of a channel whose log holds `a`, `b` and `c` at 1 to 3. */
function publisher() {
  const log = new TruthLog("news", "k", 0);
  log.push([event(1, "a"), event(2, "b"), event(3, "c")], 3);
  const broken: string[] = [];
  const audit = new PublishAudit(
    "p",
    undefined,
    () => [log],
    (promise) => broken.push(promise),
  );
  return { log, audit, broken };
}

test("what was acknowledged as it is in the log breaks nothing", () => {
  const { audit, broken } = publisher();
  audit.publish(0, "news", [draft("a"), draft("b")]);
  audit.publish(1, "news", [draft("c")], "k-2");
  audit.published(0, [result(1), result(2)]);
  audit.published(1, [result(3)]);
  audit.checkFinal();
  assert.deepEqual(broken, []);
});

for (const [what, tell] of [
  [
    "an acknowledgement where nothing is",
    ({ audit }) => {
      audit.publish(0, "news", [draft("z")]);
      audit.published(0, [result(4)]);
    },
  ],
  [
    "an acknowledgement where another event is",
    ({ audit }) => {
      audit.publish(0, "news", [draft("a")]);
      audit.published(0, [result(2)]);
    },
  ],
  [
    "an acknowledgement of another time",
    ({ audit }) => {
      audit.publish(0, "news", [draft("a")]);
      audit.published(0, [result(1, { at: 7 })]);
    },
  ],
  [
    "an acknowledgement for some of a batch",
    ({ audit }) => {
      audit.publish(0, "news", [draft("a"), draft("b")]);
      audit.published(0, [result(1)]);
    },
  ],
  [
    "a second answer",
    ({ audit }) => {
      audit.publish(0, "news", [draft("a")]);
      audit.published(0, [result(1)]);
      audit.published(0, [result(1)]);
    },
  ],
  [
    "a condition that did not hold",
    ({ audit }) => {
      audit.publish(0, "news", [draft("c")], "k-1");
      audit.published(0, [result(3)]);
    },
  ],
  [
    "a refusal of what is in the log",
    ({ audit, log }) => {
      log.isClosed = true;
      audit.publish(0, "news", [draft("a")]);
      audit.unpublished(0, new HoldfastError("channel_closed"));
    },
  ],
  [
    "a refusal because of an end that is none",
    ({ audit }) => {
      audit.publish(0, "news", [draft("z")]);
      audit.unpublished(0, new HoldfastError("channel_closed"));
    },
  ],
  [
    "a refusal without a reason",
    ({ audit }) => {
      audit.publish(0, "news", [draft("z")]);
      audit.unpublished(0, new HoldfastError("bad_event"));
    },
  ],
  [
    "a batch in another order",
    ({ audit }) => {
      audit.publish(0, "news", [draft("b"), draft("a")]);
      audit.published(0, [result(2), result(1)]);
    },
  ],
  [
    "another order than that of publishing",
    ({ audit }) => {
      audit.publish(0, "news", [draft("b")]);
      audit.publish(1, "news", [draft("a")]);
      audit.published(0, [result(2)]);
      audit.published(1, [result(1)]);
      audit.checkFinal();
    },
  ],
] as const satisfies readonly (readonly [string, (one: ReturnType<typeof publisher>) => void])[]) {
  test(`[ACK] ${what} is noticed`, () => {
    const one = publisher();
    tell(one);
    assert.equal(one.broken[0], "ACK");
  });
}

test("[ACK] a publish that is never answered is noticed", () => {
  const { audit, broken } = publisher();
  audit.publish(0, "news", [draft("a")]);
  audit.checkFinal();
  assert.deepEqual(broken, ["LIVE"]);
});
