import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { negotiate } from "./negotiate.ts";

const offers = ["application/json", "text/event-stream"] as const;

for (const [accept, chosen] of [
  [undefined, "application/json"],
  ["", "application/json"],
  ["*/*", "application/json"],
  ["text/event-stream", "text/event-stream"],
  ["TEXT/Event-Stream", "text/event-stream"],
  ["text/*", "text/event-stream"],
  ["text/event-stream, */*;q=0.1", "text/event-stream"],
  ["text/event-stream;q=0.1, */*", "application/json"],
  ["application/json, text/event-stream", "application/json"],
  ["application/json;q=0.9, text/event-stream;q=0.91", "text/event-stream"],
  ["application/json;q=0, */*", "text/event-stream"],
  ["application/json;charset=utf-8", "application/json"],
  ["text/html, ;;, nonsense, */* ; q=0.001", "application/json"],
  ["text/event-stream;q=7", "text/event-stream"],
  ["*/*;q=0, */*", "application/json"],
] as const) {
  test(`[JSON-6] Accept: ${accept} chooses ${chosen}`, () => {
    assert.equal(negotiate(accept, offers), chosen);
  });
}

for (const accept of ["image/*", "application/json;q=0", "*/*;q=0", "text/html", "nonsense"]) {
  test(`[JSON-6] Accept: ${accept} allows neither`, () => {
    assert.throws(() => negotiate(accept, offers), { code: "not_acceptable" });
  });
}

test("[JSON-6] whatever the header says, it chooses an offer or refuses", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("*/*", "text/*", ";q=0.5", ",", "application/json", "q", "/"),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      try {
        assert.ok(offers.includes(negotiate(pieces.join(""), offers)));
      } catch (error) {
        assert.equal((error as { code?: string }).code, "not_acceptable");
      }
    }),
  );
});
