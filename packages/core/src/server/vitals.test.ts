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
  const vitals = new Vitals(limits, { hears: false }, 0);
  assert.equal(vitals.due(999).is, "nothing");
  assert.deepEqual(lifeOf(vitals, 4000), ["beat@1000", "beat@2000", "beat@3000", "beat@4000"]);
});

test("[BEAT-4] [WSP-3] who can be heard and is not for two and a half heartbeats is gone", () => {
  const vitals = new Vitals(limits, { hears: true }, 0);
  assert.deepEqual(lifeOf(vitals, 9000), ["beat@1000", "beat@2000", "timed_out@2500"]);
  const alive = new Vitals(limits, { hears: true }, 0);
  alive.heard(700);
  assert.deepEqual(lifeOf(alive, 9000), ["beat@1000", "beat@2000", "beat@3000", "timed_out@3200"]);
});

test("[BEAT-4] who is not read from cannot be heard: the silence counts from when reading goes on", () => {
  const vitals = new Vitals(limits, { hears: true }, 0);
  vitals.deafen(true, 100);
  assert.deepEqual(
    lifeOf(vitals, 5000),
    [1, 2, 3, 4, 5].map((beat) => `beat@${beat * 1000}`),
  );
  vitals.deafen(false, 5000);
  assert.deepEqual(lifeOf(vitals, 9000), ["beat@6000", "beat@7000", "timed_out@7500"]);
});

test("[BND-1] a connection that takes nothing for too long is let go, unless that is switched off", () => {
  const stalled = new Vitals(limits, { hears: false }, 0);
  stalled.filled(500);
  assert.equal(lifeOf(stalled, 20_000).at(-1), "timed_out@10500");
  const patient = new Vitals({ ...limits, stalledMsMax: 0 }, { hears: false }, 0);
  patient.filled(500);
  assert.equal(lifeOf(patient, 20_000).at(-1), "beat@20000");
  const drained = new Vitals(limits, { hears: false }, 0);
  drained.filled(500);
  drained.drained();
  assert.equal(lifeOf(drained, 20_000).at(-1), "beat@20000");
});

/** Beats so seldom that nothing of them is seen. */
const slow = { ...limits, heartbeatMs: 1_000_000_000 };

function expiring(graceMs: number, renews = true): Vitals {
  return new Vitals({ ...slow, expiryGraceMs: graceMs }, { hears: false, renews }, 0);
}

test("[EXP-1] [EXP-3] the end of a token is announced half a minute before, once, and again after a renewal", () => {
  const vitals = expiring(0);
  assert.equal(vitals.expiresAt, never);
  vitals.expire(200_000, 0);
  assert.deepEqual(vitals.due(169_999), { is: "nothing" });
  assert.deepEqual(vitals.due(170_000), { is: "expiring", inMs: 30_000 });
  assert.equal(vitals.deadline, 200_000);
  assert.deepEqual(vitals.due(170_001), { is: "nothing" });
  vitals.expire(400_000, 170_001);
  assert.deepEqual(lifeOf(vitals, 500_000), ["expiring@370000", "token_expired@400000"]);
  vitals.expire(undefined, 0);
  assert.equal(vitals.deadline, slow.heartbeatMs);
});

test("[EXP-1] of a short token three quarters pass before its end is announced", () => {
  for (const [leftMs, noticeMs] of [
    [10_000, 2500],
    [1000, 250],
    [119_000, 29_750],
    [121_000, 30_000],
  ] as const) {
    const vitals = expiring(0);
    vitals.expire(leftMs, 0);
    assert.deepEqual(lifeOf(vitals, leftMs), [`expiring@${leftMs - noticeMs}`, `token_expired@${leftMs}`]);
  }
});

test("[EXP-1] a token that is nearly over as it comes is announced once at most, and never in the past", () => {
  const over = expiring(0);
  over.expire(900, 1000);
  assert.deepEqual(over.due(1000).is, "over");
  const last = expiring(0);
  last.expire(1001, 1000);
  assert.deepEqual(lifeOf(last, 2000), ["expiring@1000.75", "token_expired@1001"]);
});

test("[EXP-5] in its grace a session lapses, once, and is let go at the end of it", () => {
  const vitals = expiring(5000);
  vitals.expire(100_000, 0);
  assert.deepEqual(lifeOf(vitals, 200_000), ["expiring@75000", "lapsed@100000", "token_expired@105000"]);
  const renewed = expiring(5000);
  renewed.expire(100_000, 0);
  assert.deepEqual(lifeOf(renewed, 100_000), ["expiring@75000", "lapsed@100000"]);
  renewed.expire(300_000, 103_000);
  assert.deepEqual(lifeOf(renewed, 400_000), ["expiring@270000", "lapsed@300000", "token_expired@305000"]);
});

test("[EXP-5] who cannot renew on its connection has no grace on it", () => {
  const vitals = expiring(5000, false);
  vitals.expire(100_000, 0);
  assert.deepEqual(lifeOf(vitals, 200_000), ["expiring@75000", "token_expired@100000"]);
});

test("[EXP-3] a clock that is set forward ends a token at once, and one that is set back gives it its time again", () => {
  const forward = expiring(0);
  forward.expire(100_000, 0);
  forward.clockSet(3_600_000, 3_600_000);
  assert.equal(forward.due(3_600_000).is, "over");
  const back = expiring(5000);
  back.expire(100_000, 0);
  assert.deepEqual(lifeOf(back, 101_000), ["expiring@75000", "lapsed@100000"]);
  back.clockSet(91_000, -10_000);
  assert.deepEqual(lifeOf(back, 101_000), ["lapsed@100000"]);
  back.clockSet(41_000, -60_000);
  assert.deepEqual(lifeOf(back, 101_000), ["expiring@75000", "lapsed@100000"]);
});

test("[CALM-4] to leave is due once when the connection is old, and again when it was to have gone", () => {
  const slow = { ...limits, heartbeatMs: 1_000_000 };
  const vitals = new Vitals(slow, { hears: false, ageMsMax: 5000 }, 0);
  assert.deepEqual(lifeOf(vitals, 900_000), ["leave@5000"]);
  vitals.leaveBy(7000);
  vitals.clockSet(106_000, 100_000);
  assert.deepEqual(lifeOf(vitals, 900_000), ["leave@107000"]);
  assert.equal(new Vitals(slow, { hears: false }, 0).deadline, 1_000_000);
});

test("[BEAT-1] [BEAT-4] a clock that was set moves no beat, and lets nobody go", () => {
  for (const byMs of [-3_600_000, 3_600_000]) {
    const vitals = new Vitals(limits, { hears: true }, 0);
    vitals.filled(0);
    assert.deepEqual(lifeOf(vitals, 1000), ["beat@1000"]);
    const now = 1200 + byMs;
    vitals.clockSet(now, byMs);
    assert.deepEqual(lifeOf(vitals, now + 2000), [`beat@${now + 800}`, `beat@${now + 1800}`]);
    const stalled = new Vitals(limits, { hears: false }, 0);
    stalled.filled(0);
    stalled.clockSet(now, byMs);
    assert.equal(lifeOf(stalled, now + 20_000).at(-1), `timed_out@${now + 10_000}`);
  }
});

test("[BEAT-1] a beat that was set by the new clock already is not moved out of reach", () => {
  for (const byMs of [-3_600_000, 3_600_000]) {
    const vitals = new Vitals(limits, { hears: true }, byMs);
    vitals.clockSet(byMs + 10, byMs);
    const [first] = lifeOf(vitals, byMs + 10 + limits.heartbeatMs);
    assert.match(first ?? "", /^beat@/);
  }
});
