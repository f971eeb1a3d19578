import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import {
  type ErrorCode,
  HoldfastError,
  isErrorCode,
  outcomes,
  type Retry,
  toHoldfastError,
  toProblem,
} from "./errors.ts";

interface Row {
  code: string;
  status: number;
  closeCode: number;
  retry: string;
}

/** The rows between the comment that names this test and the next rule. */
function tableOfProtocol(): Row[] {
  const text = readFileSync(join(import.meta.dirname, "../../../PROTOCOL.md"), "utf8");
  const start = text.indexOf("<!-- outcomes");
  const end = text.indexOf("\n- **", start);
  assert.ok(start !== -1 && end !== -1, "PROTOCOL.md has its table of outcomes");
  const rows: Row[] = [];
  for (const line of text.slice(start, end).split("\n")) {
    const match = /^\| `(\w+)` \| (\d{3}) \| (\d{4}) \| (\w+) \| \S.* \|$/.exec(line);
    if (match === null) {
      assert.doesNotMatch(line, /^\| `/, `a row that this test cannot read: ${line}`);
      continue;
    }
    const [, code = "", status, closeCode, retry = ""] = match;
    rows.push({ code, status: Number(status), closeCode: Number(closeCode), retry });
  }
  return rows;
}

test("[ERR-1] the table of PROTOCOL.md and the table of the code are the same, row by row", () => {
  const coded = Object.entries(outcomes).map(([code, { status, closeCode, retry }]) => ({
    code,
    status,
    closeCode,
    retry,
  }));
  assert.deepEqual(coded, tableOfProtocol());
});

test("[ERR-1] an error tells the outcome of its code", () => {
  for (const { code, ...outcome } of tableOfProtocol()) {
    assert.ok(isErrorCode(code));
    const { status, closeCode, retry } = new HoldfastError(code);
    assert.deepEqual({ status, closeCode, retry }, outcome);
  }
});

test("[ERR-1] close codes are those that a server may send", () => {
  for (const [code, { closeCode }] of Object.entries(outcomes)) {
    const registered = [1007, 1009, 1011, 1012, 1013].includes(closeCode);
    assert.ok(registered || (closeCode >= 4000 && closeCode <= 4999), code);
  }
});

test("[ERR-1] a code is one of the table, not a name that objects have", () => {
  for (const code of ["toString", "__proto__", "constructor", "", "Forbidden", null, 404]) {
    assert.equal(isErrorCode(code), false);
  }
});

test("a problem document has the members of RFC 9457, the code and what a client may do", () => {
  const retries = new Set<Retry>();
  for (const code of Object.keys(outcomes) as ErrorCode[]) {
    const problem = toProblem(new HoldfastError(code, "What happened."));
    const { status, title, retry } = outcomes[code];
    assert.deepEqual(problem, {
      type: `urn:holdfast:${code}`,
      title,
      status,
      code,
      detail: "What happened.",
      retry,
    });
    retries.add(retry);
  }
  assert.deepEqual(retries, new Set(["retry", "reauthenticate", "never"]));
});

test("a refused condition carries the head", () => {
  const error = new HoldfastError("precondition_failed", undefined, { cursor: "k-17" });
  assert.equal(toProblem(error).cursor, "k-17");
  assert.equal("cursor" in toProblem(new HoldfastError("forbidden")), false);
});

test("an error says its outcome's title when it has nothing better to say", () => {
  assert.equal(new HoldfastError("overloaded").message, "A limit of this node is reached.");
  assert.equal(`${new HoldfastError("forbidden")}`, "HoldfastError: This principal may not do this.");
});

test("what was thrown becomes an outcome once, and a fault keeps its own text inside", () => {
  const error = new HoldfastError("forbidden");
  assert.equal(toHoldfastError(error), error);
  for (const thrown of [new TypeError("secret path"), "secret path", undefined, null]) {
    const { code, message, cause } = toHoldfastError(thrown);
    assert.equal(code, "internal");
    assert.doesNotMatch(message, /secret/);
    assert.equal(cause, thrown);
  }
});
