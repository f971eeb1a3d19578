import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, HoldfastError, outcomes } from "@holdfast/protocol";
import { exitCodeOf } from "./exit-codes.ts";

test("[ERR-1] the exit code of an outcome says what its retry says", () => {
  const byRetry = { retry: 3, reauthenticate: 4, never: 5 };
  const others: Partial<Record<ErrorCode, number>> = { forbidden: 4, precondition_failed: 6 };
  for (const code of Object.keys(outcomes) as ErrorCode[]) {
    assert.equal(exitCodeOf(new HoldfastError(code)), others[code] ?? byRetry[outcomes[code].retry], code);
  }
});
