import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeTable } from "./change-table.ts";

const tableOf = (keysMax: number, bytesMax = 1000) => new ChangeTable<number>({ keysMax, bytesMax });

const brief = (table: ChangeTable<number>, version: number) =>
  table.after(version).map(({ key, value, version: at }) => `${key}=${value}@${at}`);

test("[SIG-2] a table tells the newest value of each key after a version, in the order of the changes", () => {
  const table = tableOf(10);
  table.set("a", 1, 1);
  table.set("b", 2, 1);
  table.set("a", 3, 1);
  assert.deepEqual(brief(table, 0), ["b=2@2", "a=3@3"]);
  assert.deepEqual(brief(table, 2), ["a=3@3"]);
  assert.deepEqual(brief(table, table.version), []);
  table.set("b", undefined, 1);
  assert.deepEqual(brief(table, 2), ["a=3@3", "b=undefined@4"]);
});

test("[BND] beyond its size the change that is longest ago goes, and listeners before it are not covered", () => {
  const table = tableOf(2);
  assert.equal(table.covers(0), true);
  for (const key of ["a", "b", "c"]) table.set(key, 1, 1);
  assert.equal(table.size, 2);
  assert.deepEqual([table.covers(0), table.covers(1)], [false, true]);
  assert.deepEqual(brief(table, 1), ["b=1@2", "c=1@3"]);
});

test("[BND] what everybody has read is forgotten, and nobody misses it", () => {
  const table = tableOf(10);
  table.set("a", 1, 1);
  table.forget();
  assert.deepEqual([table.size, table.covers(table.version), table.covers(0)], [0, true, false]);
  table.set("b", 2, 1);
  assert.deepEqual(brief(table, 1), ["b=2@2"]);
});

test("[BND] beyond its bytes those that are longest ago go until the rest fits; the newest stays, however large", () => {
  const table = tableOf(10, 10);
  for (const key of ["a", "b", "c"]) table.set(key, 1, 3);
  assert.deepEqual([table.bytes, table.covers(0)], [9, true]);
  table.set("d", 1, 5);
  assert.deepEqual([brief(table, 0), table.bytes], [["c=1@3", "d=1@4"], 8]);
  assert.deepEqual([table.covers(1), table.covers(2)], [false, true]);
  table.set("e", 1, 11);
  assert.deepEqual([brief(table, 0), table.bytes, table.covers(3)], [["e=1@5"], 11, false]);
});

test("[BND] a change counts in place of the one before it, and nothing once it is forgotten", () => {
  const table = tableOf(10, 10);
  table.set("a", 1, 8);
  table.set("a", 2, 9);
  assert.deepEqual([table.bytes, table.size, table.covers(0)], [9, 1, true]);
  table.forget();
  assert.equal(table.bytes, 0);
  table.set("b", 1, 10);
  assert.deepEqual([table.bytes, table.covers(2)], [10, true]);
});
