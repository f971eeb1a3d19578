import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@holdfast/protocol";
import { Vitals } from "./vitals.ts";

const limits = { ...defaultLimits, heartbeatMs: 1000, stalledMsMax: 10_000, idleTimeoutMs: 0 };
const never = Number.POSITIVE_INFINITY;

/** What becomes due until a moment, with the moments, as `beat@1000`. */
function lifeOf(vitals: Vitals, until: number): string[] {
  const life: string[] = [];
  for (let now = vitals.deadline; now <= until; now = vitals.deadline) {
    const due = vitals.due(now);
    assert.notEqual(due.is, "nothing", "a deadline at which nothing is due");
    life.push(`${due.is === "over" ? due.error.code : due.is}@${now}`);
    if (due.is === "over") break;
  }
  return life;
}

test("[BEAT-1] a beat is due at every heartbeat, and only then", () => {
  const vitals = new Vitals(limits, false, 0);
  assert.equal(vitals.due(999).is, "nothing");
  assert.deepEqual(lifeOf(vitals, 4000), ["beat@1000", "beat@2000", "beat@3000", "beat@4000"]);
});

test("[BEAT-4] [WSP-3] who can be heard and is not for two and a half heartbeats is gone", () => {
  const vitals = new Vitals(limits, true, 0);
  assert.deepEqual(lifeOf(vitals, 9000), ["beat@1000", "beat@2000", "timed_out@2500"]);
  const alive = new Vitals(limits, true, 0);
  alive.heard(700);
  assert.deepEqual(lifeOf(alive, 9000), ["beat@1000", "beat@2000", "beat@3000", "timed_out@3200"]);
});

test("[BEAT-4] who is not read from cannot be heard: the silence counts from when reading goes on", () => {
  const vitals = new Vitals(limits, true, 0);
  vitals.deafen(true, 100);
  assert.deepEqual(
    lifeOf(vitals, 5000),
    [1, 2, 3, 4, 5].map((beat) => `beat@${beat * 1000}`),
  );
  vitals.deafen(false, 5000);
  assert.deepEqual(lifeOf(vitals, 9000), ["beat@6000", "beat@7000", "timed_out@7500"]);
});

test("[BND-1] a connection that takes nothing for too long is let go, unless that is switched off", () => {
  const stalled = new Vitals(limits, false, 0);
  stalled.filled(500);
  assert.equal(lifeOf(stalled, 20_000).at(-1), "timed_out@10500");
  const patient = new Vitals({ ...limits, stalledMsMax: 0 }, false, 0);
  patient.filled(500);
  assert.equal(lifeOf(patient, 20_000).at(-1), "beat@20000");
  const drained = new Vitals(limits, false, 0);
  drained.filled(500);
  drained.drained();
  assert.equal(lifeOf(drained, 20_000).at(-1), "beat@20000");
});

test("[AUTH-1] the end of a principal is announced half a minute before, once, and again after a renewal", () => {
  const slow = { ...limits, heartbeatMs: 1_000_000 };
  const vitals = new Vitals(slow, false, 0);
  assert.equal(vitals.expiresAt, never);
  vitals.expire(100_000);
  assert.deepEqual(vitals.due(69_999), { is: "nothing" });
  assert.deepEqual(vitals.due(70_000), { is: "expiring", inMs: 30_000 });
  assert.equal(vitals.deadline, 100_000);
  assert.deepEqual(vitals.due(70_001), { is: "nothing" });
  vitals.expire(200_000);
  assert.deepEqual(lifeOf(vitals, 300_000), ["expiring@170000", "unauthenticated@200000"]);
  vitals.expire(undefined);
  assert.equal(vitals.deadline, 1_000_000);
});

test("[CALM-4] to leave is due once when the connection is old, and again when it was to have gone", () => {
  const slow = { ...limits, heartbeatMs: 1_000_000 };
  const vitals = new Vitals(slow, false, 0, 5000);
  assert.deepEqual(lifeOf(vitals, 900_000), ["leave@5000"]);
  vitals.leaveBy(7000);
  vitals.clockSet(106_000, 100_000);
  assert.deepEqual(lifeOf(vitals, 900_000), ["leave@107000"]);
  assert.equal(new Vitals(slow, false, 0).deadline, 1_000_000);
});

test("[BEAT-1] [BEAT-4] a clock that was set moves no beat, and lets nobody go", () => {
  for (const byMs of [-3_600_000, 3_600_000]) {
    const vitals = new Vitals(limits, true, 0);
    vitals.filled(0);
    assert.deepEqual(lifeOf(vitals, 1000), ["beat@1000"]);
    const now = 1200 + byMs;
    vitals.clockSet(now, byMs);
    assert.deepEqual(lifeOf(vitals, now + 2000), [`beat@${now + 800}`, `beat@${now + 1800}`]);
    const stalled = new Vitals(limits, false, 0);
    stalled.filled(0);
    stalled.clockSet(now, byMs);
    assert.equal(lifeOf(stalled, now + 20_000).at(-1), `timed_out@${now + 10_000}`);
  }
});

test("[BEAT-1] a beat that was set by the new clock already is not moved out of reach", () => {
  for (const byMs of [-3_600_000, 3_600_000]) {
    const vitals = new Vitals(limits, true, byMs);
    vitals.clockSet(byMs + 10, byMs);
    const [first] = lifeOf(vitals, byMs + 10 + limits.heartbeatMs);
    assert.match(first ?? "", /^beat@/);
  }
});
