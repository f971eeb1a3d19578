import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import { reasonOf, SessionCounts } from "./session-counts.ts";

test("[SEE] sessions of one kind count together", () => {
  const counts = new SessionCounts();
  counts.heard(10);
  counts.heard(5);
  counts.gap("expired");
  counts.gap("expired");
  counts.gap("slow");
  counts.resumed("resumed");
  counts.resumed("epoch");
  counts.refused("forbidden");
  assert.deepEqual([counts.heardMessages, counts.heardBytes], [2, 15]);
  assert.deepEqual(
    [...counts.gaps],
    [
      ["expired", 2],
      ["slow", 1],
    ],
  );
  assert.deepEqual(
    [...counts.resumes],
    [
      ["resumed", 1],
      ["epoch", 1],
    ],
  );
  assert.deepEqual([...counts.errors], [["forbidden", 1]]);
});

test("[SEE] why a connection ended is one word of few", () => {
  assert.equal(reasonOf({ kind: "ended" }), "ended");
  assert.equal(reasonOf({ kind: "refused", error: new HoldfastError("timed_out") }), "timed_out");
  assert.equal(reasonOf({ kind: "reconnect", delayMs: 1, reason: "drain" }), "drain");
});
