import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import { changeFaults, sound, transportOf } from "./faults.ts";

test("[SEE] a change of faults keeps what it does not name", () => {
  const cut = changeFaults(sound, { cut: true });
  assert.deepEqual(changeFaults(cut, { blocked: ["sse"] }), { cut: true, slow: false, blocked: ["sse"] });
});

for (const change of [
  null,
  [],
  "cut",
  { cut: 1 },
  { blocked: ["smoke"] },
  { blocked: ["sse", "sse"] },
  { broken: true },
]) {
  test(`[SEE] ${JSON.stringify(change)} is no change of faults`, () => {
    assert.throws(
      () => changeFaults(sound, change),
      (error) => error instanceof HoldfastError && error.code === "bad_parameter",
    );
  });
}

for (const [transport, method, url, accept, upgrade] of [
  ["websocket", "GET", "/connect", undefined, "websocket"],
  ["sse", "POST", "/connect", "text/event-stream"],
  ["long-poll", "POST", "/connect?wait=25", "application/json"],
  ["poll", "POST", "/connect", "application/json"],
  [undefined, "OPTIONS", "/connect", undefined],
  [undefined, "GET", "/health/live", undefined],
  [undefined, "GET", "/connect", undefined],
] as const) {
  test(`[SEE] ${method} ${url} for ${accept ?? upgrade ?? "anything"} is ${transport ?? "no transport"}`, () => {
    assert.equal(transportOf({ method, url, headers: { accept, upgrade } }), transport);
  });
}
