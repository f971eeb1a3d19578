import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { Child } from "./child.ts";
import { cpuSecondsOf } from "./cpu.ts";

type Sums = {
  add(given: { readonly a: number; readonly b: number }): number;
  fail(): void;
  vanish(): void;
};

const source = `import { answerParent } from ${JSON.stringify(import.meta.resolve("./operations.ts"))};
answerParent({
  add: async ({ a, b }) => a + b,
  fail: () => { throw new Error("It cannot be done."); },
  vanish: () => process.exit(3),
});`;

function startChild(t: TestContext): Child<Sums> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const file = join(folder, "sums.ts");
  writeFileSync(file, source);
  const child = new Child<Sums>(pathToFileURL(file));
  t.after(async () => {
    await child.end();
    rmSync(folder, { recursive: true });
  });
  return child;
}

test("operations are answered, also several at a time", async (t) => {
  const child = startChild(t);
  assert.deepEqual(
    await Promise.all([child.call("add", { a: 1, b: 2 }), child.call("add", { a: 3, b: 4 })]),
    [3, 7],
  );
});

test("what goes wrong in the process is told, and it goes on", async (t) => {
  const child = startChild(t);
  await assert.rejects(child.call("fail"), /It cannot be done/);
  await assert.rejects(child.call("subtract" as "fail"), /no operation "subtract"/);
  assert.equal(await child.call("add", { a: 2, b: 2 }), 4);
});

test("a process that ends fails what was asked of it", async (t) => {
  const child = startChild(t);
  await assert.rejects(child.call("vanish"), /ended by itself \(3\)/);
  await assert.rejects(child.call("add", { a: 1, b: 1 }), /no longer there/);
});

test("a process that was ended is gone", async (t) => {
  const child = startChild(t);
  await child.call("add", { a: 1, b: 1 });
  await child.end();
  assert.throws(() => process.kill(child.pid, 0), { code: "ESRCH" });
});

test("processor time is that of the process, where the system tells it", {
  skip: process.platform !== "linux",
}, () => {
  const { user, system } = process.cpuUsage();
  const seconds = cpuSecondsOf(process.pid);
  assert.ok(
    seconds !== undefined && seconds <= (user + system) / 1e6 + 1 && seconds >= (user + system) / 1e6 - 1,
  );
  assert.equal(cpuSecondsOf(0), undefined);
});
