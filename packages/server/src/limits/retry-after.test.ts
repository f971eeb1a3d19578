import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, HoldfastError, outcomes } from "@holdfast/protocol";
import { problemAnswer } from "../problem.ts";
import { retryAfterMs, retryAfterSeconds, withRetryAfter } from "./retry-after.ts";

test("[LIM-2] every 429 and 503 that may be tried again says when, in the header and in the document", () => {
  for (const [code, { status, retry }] of Object.entries(outcomes)) {
    const { headers, body } = problemAnswer(new HoldfastError(code as ErrorCode));
    const { retryAfterMs: ms } = JSON.parse(body) as { retryAfterMs?: number };
    if ((status === 429 || status === 503) && retry === "retry") {
      assert.ok(ms !== undefined && ms >= 1000 && ms <= 5000, `${code}: ${ms}`);
      assert.equal(headers["Retry-After"], String(Math.ceil(ms / 1000)));
    } else if (retry !== "retry") {
      assert.deepEqual([headers["Retry-After"], ms], [undefined, undefined], code);
    }
  }
});

test("[LIM-2] a time that was chosen is kept, and the header never says less", () => {
  const chosen = new HoldfastError("rate_limited", "Too much.", { retryAfterMs: 1201, limit: "x" });
  assert.equal(withRetryAfter(chosen), chosen);
  const { headers, body } = problemAnswer(chosen);
  assert.equal(headers["Retry-After"], "2");
  assert.deepEqual(
    [JSON.parse(body).retryAfterMs, JSON.parse(body).limit, JSON.parse(body).detail],
    [1201, "x", "Too much."],
  );
  assert.deepEqual([0, 1, 1000, 1001].map(retryAfterSeconds), ["1", "1", "1", "2"]);
});

test("[LIM-2] a time that nobody chose is drawn over the whole span", () => {
  const draws = [0, 0.5, 0.999].map((draw) => retryAfterMs(new HoldfastError("overloaded"), () => draw));
  assert.deepEqual(draws, [1000, 3000, 4996]);
  const drawn = withRetryAfter(
    new HoldfastError("overloaded", "Full.", { limit: "x", cursor: "k-1" }),
    () => 0,
  );
  assert.deepEqual(
    [drawn.retryAfterMs, drawn.limit, drawn.cursor, drawn.message],
    [1000, "x", "k-1", "Full."],
  );
});
