import assert from "node:assert/strict";
import { test } from "node:test";
import { candidates, Ladder, type Transport, type TransportMemory } from "./ladder.ts";
import { defaultTiming } from "./timing.ts";

const minute = 60_000;

function ladder(memory: TransportMemory = { blocked: new Map() }): Ladder {
  const rungs = candidates({ need: "duplex", toleranceMs: 0 });
  return new Ladder(rungs, memory, defaultTiming, () => 0.5);
}

test("the least powerful transport that fits comes first", () => {
  const of = (need: "receive" | "duplex", toleranceMs: number) => candidates({ need, toleranceMs });
  assert.deepEqual(of("receive", 0), ["sse", "websocket", "long-poll", "poll"]);
  assert.deepEqual(of("duplex", 9_999), ["websocket", "sse", "long-poll", "poll"]);
  assert.deepEqual(of("receive", 10_000), ["poll", "sse", "websocket", "long-poll"]);
  assert.deepEqual(of("duplex", 60_000), ["poll", "websocket", "sse", "long-poll"]);
});

test("a list of transports is taken as it is, or refused", () => {
  const chosen = (transports: readonly string[]) =>
    candidates({ need: "receive", toleranceMs: 0, transports: transports as Transport[] });
  assert.deepEqual(chosen(["poll", "websocket"]), ["poll", "websocket"]);
  for (const bad of [[], ["sse", "sse"], ["carrier-pigeon"]]) {
    assert.throws(() => chosen(bad), { code: "bad_parameter" });
  }
});

test("[CLI-6] one weak failure proves nothing, a second in a row does", () => {
  const one = ladder();
  assert.equal(one.failed("weak", 0), false);
  assert.equal(one.transport, "websocket");
  assert.equal(one.failed("weak", 0), true);
  assert.equal(one.transport, "sse");
});

test("[CLI-6] what lies between two weak failures makes each the first: a success, or an outage", () => {
  const one = ladder();
  one.failed("weak", 0);
  one.worked("websocket", 0);
  assert.equal(one.failed("weak", 0), false);
  one.outage();
  assert.equal(one.failed("weak", 0), false);
  assert.equal(one.transport, "websocket");
});

test("[CLI-6] silence after an accepted attempt is proof at once", () => {
  const one = ladder();
  assert.equal(one.failed("strong", 0), true);
  assert.equal(one.transport, "sse");
});

test("[CLI-6] below the last rung the ladder starts over, after a backoff", () => {
  const one = ladder();
  for (const transport of ["sse", "long-poll", "poll"]) {
    assert.equal(one.failed("strong", 0), true);
    assert.equal(one.transport, transport);
  }
  assert.equal(one.failed("strong", 0), false);
  assert.equal(one.transport, "websocket");
  assert.equal(one.climbAt, Infinity);
});

test("what is blocked is remembered for a while, by all clients of the origin", () => {
  const memory: TransportMemory = { blocked: new Map() };
  ladder(memory).failed("strong", 1000);
  const other = ladder(memory);
  other.restart(1000 + 5 * minute - 1);
  assert.equal(other.transport, "sse");
  other.restart(1000 + 5 * minute);
  assert.equal(other.transport, "websocket");
});

test("[CLI-7] after a downgrade the better ones are tried in turn, ever less often", () => {
  const one = ladder();
  one.failed("strong", 0);
  one.failed("strong", 0);
  assert.equal(one.transport, "long-poll");
  const tried: [number, Transport][] = [];
  let now = 0;
  for (let i = 0; i < 6; i++) {
    now = one.climbAt;
    tried.push([now / minute, one.climbTarget]);
    one.climbFailed(now);
  }
  assert.deepEqual(
    tried.map(([, transport]) => transport),
    ["websocket", "sse", "websocket", "sse", "websocket", "sse"],
  );
  const waits = tried.map(([at], index) => at - (tried[index - 1]?.[0] ?? 0));
  assert.deepEqual(waits, [1, 2, 4, 8, 10, 10]);
});

test("[CLI-7] a climb that works is where it stays, and the best rung needs none", () => {
  const one = ladder();
  one.failed("strong", 0);
  one.failed("strong", 0);
  one.worked("sse", 5 * minute);
  assert.equal(one.transport, "sse");
  assert.equal(one.climbAt, 6 * minute);
  one.worked("websocket", 6 * minute);
  assert.equal(one.transport, "websocket");
  assert.equal(one.climbAt, Infinity);
});

test("[CLI-7] climbs are spread, because a proxy's fault sends many clients down at once", () => {
  const at = (chance: number) => {
    const one = new Ladder(["websocket", "sse"], { blocked: new Map() }, defaultTiming, () => chance);
    one.failed("strong", 0);
    return one.climbAt;
  };
  assert.equal(at(0), 45_000);
  assert.equal(at(0.5), 60_000);
});

test("another network may let through what the last one blocked", () => {
  const memory: TransportMemory = { blocked: new Map() };
  const connected = ladder(memory);
  connected.failed("strong", 0);
  connected.forget(2000, true);
  assert.equal(memory.blocked.size, 0);
  assert.equal(connected.climbAt, 2000);
  const lost = ladder(memory);
  lost.failed("strong", 0);
  lost.forget(2000, false);
  assert.equal(lost.transport, "websocket");
});
