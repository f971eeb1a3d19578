import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8Length } from "./bytes.ts";
import { formatCloseReason, parseCloseReason } from "./close-reason.ts";
import { outcomes } from "./errors.ts";

test("[LIM-4] a close reason carries its code and the delay, and is read back", () => {
  const code = fc.constantFrom(...Object.keys(outcomes), "drain", "rotate", "slow");
  fc.assert(
    fc.property(code, fc.option(fc.nat(86_400_000), { nil: undefined }), (name, retryAfterMs) => {
      const text = formatCloseReason(name, retryAfterMs);
      assert.ok(utf8Length(text) <= 123);
      assert.deepEqual(
        parseCloseReason(text),
        retryAfterMs === undefined ? { code: name } : { code: name, retryAfterMs },
      );
    }),
  );
  assert.equal(formatCloseReason("rate_limited", 1200.4), "rate_limited; retry-after-ms=1200");
});

test("[LIM-4] a delay is never negative, nor longer than a day", () => {
  assert.equal(formatCloseReason("draining", -5), "draining; retry-after-ms=0");
  assert.equal(formatCloseReason("draining", 1e12), "draining; retry-after-ms=86400000");
});

test("[LIM-4] what others say as they close is taken as it is", () => {
  const said = [
    "",
    "going away; retry later",
    "overloaded; retry-after-ms=",
    "overloaded; retry-after-ms=-1",
    "overloaded; retry-after-ms=1e3",
    "overloaded; retry-after-ms=99999999",
    "overloaded;retry-after-ms=5",
    "overloaded; retry-after-ms=5; more",
  ];
  for (const text of said) assert.deepEqual(parseCloseReason(text), { code: text });
  fc.assert(fc.property(fc.string(), (text) => parseCloseReason(text).code.length <= text.length));
});
