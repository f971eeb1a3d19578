import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeTable } from "./change-table.ts";

const brief = (table: ChangeTable<number>, version: number) =>
  table.after(version).map(({ key, value, version: at }) => `${key}=${value}@${at}`);

test("[SIG-2] a table tells the newest value of each key after a version, in the order of the changes", () => {
  const table = new ChangeTable<number>(10);
  table.set("a", 1);
  table.set("b", 2);
  table.set("a", 3);
  assert.deepEqual(brief(table, 0), ["b=2@2", "a=3@3"]);
  assert.deepEqual(brief(table, 2), ["a=3@3"]);
  assert.deepEqual(brief(table, table.version), []);
  table.set("b", undefined);
  assert.deepEqual(brief(table, 2), ["a=3@3", "b=undefined@4"]);
});

test("[BND] beyond its size the change that is longest ago goes, and listeners before it are not covered", () => {
  const table = new ChangeTable<number>(2);
  assert.equal(table.covers(0), true);
  for (const key of ["a", "b", "c"]) table.set(key, 1);
  assert.equal(table.size, 2);
  assert.deepEqual([table.covers(0), table.covers(1)], [false, true]);
  assert.deepEqual(brief(table, 1), ["b=1@2", "c=1@3"]);
});

test("[BND] what everybody has read is forgotten, and nobody misses it", () => {
  const table = new ChangeTable<number>(10);
  table.set("a", 1);
  table.forget();
  assert.deepEqual([table.size, table.covers(table.version), table.covers(0)], [0, true, false]);
  table.set("b", 2);
  assert.deepEqual(brief(table, 1), ["b=2@2"]);
});
