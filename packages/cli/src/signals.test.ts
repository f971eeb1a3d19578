import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Signals } from "./signals.ts";

/** Signals as this process would be told them, and the codes with which it would have left. */
function watched(t: TestContext, hasTerminal: boolean): { signals: Signals; codes: unknown[] } {
  const codes: unknown[] = [];
  t.mock.method(process, "exit", (code: unknown) => codes.push(code));
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  const before = new Map(names.map((name) => [name, process.listeners(name)]));
  t.after(() => {
    for (const name of names) {
      for (const listener of process.listeners(name)) {
        if (before.get(name)?.includes(listener) !== true) process.off(name, listener);
      }
    }
  });
  return { signals: new Signals(hasTerminal), codes };
}

test("a signal to leave is heard from the start, and before there are clients nobody is waited for", (t) => {
  const { codes } = watched(t, false);
  process.emit("SIGTERM");
  assert.deepEqual(codes, [143]);
});

test("[CALM] the first signal to leave asks, the second one leaves, whichever they are", async (t) => {
  const { signals, codes } = watched(t, false);
  signals.serving(() => {});
  process.emit("SIGTERM");
  assert.equal(await signals.asked, "SIGTERM");
  assert.deepEqual(codes, []);
  process.emit("SIGINT");
  assert.deepEqual(codes, [130]);
});

test("SIGHUP reads anew where there is no terminal, and is one more signal to leave where there is", async (t) => {
  const service = watched(t, false);
  let reloads = 0;
  process.emit("SIGHUP");
  service.signals.serving(() => reloads++);
  process.emit("SIGHUP");
  assert.deepEqual([reloads, service.codes], [1, []]);
  t.mock.restoreAll();
  const terminal = watched(t, true);
  terminal.signals.serving(() => reloads++);
  process.emit("SIGHUP");
  assert.equal(await terminal.signals.asked, "SIGHUP");
  process.emit("SIGHUP");
  assert.deepEqual(terminal.codes, [129]);
});
