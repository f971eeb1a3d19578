import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@holdfast/protocol";
import { TicketCount } from "./ticket-count.ts";

function counting(ticketsPerUserMax: number, ticketsMax: number) {
  return new TicketCount({ ...defaultLimits, ticketMs: 1000, ticketsPerUserMax, ticketsMax });
}

test("[TICK-5] a ticket for a long credential counts as several, until its time is over", () => {
  const count = counting(4, 100);
  assert.equal(count.add("ada", 0, 3000), undefined);
  assert.equal(count.add("ada", 100, 1024), undefined);
  const refusal = count.add("ada", 200, 1025);
  assert.equal(refusal?.limit, "ticketsPerUserMax");
  // Two places are free again when the first ticket's time is over, and not before.
  assert.equal(refusal.error.retryAfterMs, 800);
  assert.equal(count.add("bo", 200, 1025), undefined);
  assert.equal(count.add("ada", 1000, 3000), undefined);
});

test("[TICK-5] one that is longer than all there is for one user is made when nothing else is there", () => {
  const count = counting(2, 100);
  assert.equal(count.add("ada", 0, 16_000), undefined);
  assert.equal(count.add("ada", 999)?.error.retryAfterMs, 1);
  assert.equal(count.add("ada", 1000), undefined);
});

test("[TICK-5] the node's tickets are bounded by their size as well, named or not", () => {
  const count = counting(100, 20);
  assert.equal(count.add(undefined, 0, 10_240), undefined);
  assert.equal(count.add("ada", 0, 10_240), undefined);
  assert.equal(count.add("bo", 400)?.limit, "ticketsMax");
  assert.equal(count.add("bo", 1000), undefined);
});
