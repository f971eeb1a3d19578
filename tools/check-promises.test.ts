import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, describe } from "node:test";
import { checkPromises } from "./check-promises.ts";
import { root } from "./repository.ts";

const prelude = `
import { once, EventEmitter } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import test from "node:test";
declare const events: EventEmitter;
declare const maybe: (() => Promise<number>) | undefined;
declare const options: { done?: (() => void) | undefined; wait: () => void | Promise<void> };
async function main(): Promise<void> {}
`;

const dropped = [
  "main();",
  'writeFile("a", "b");',
  'once(events, "a");',
  "maybe?.();",
  "maybe && maybe();",
  "maybe ? maybe() : main();",
  "(main());",
  "main().then(() => 1);",
  "main().finally(() => 1);",
  "new Promise(() => {});",
  'test("a", async (t) => { t.test("b", () => {}); await main(); });',
];

const unawaited = [
  'events.on("a", async () => {});',
  'events.on("a", () => main());',
  'events.on("a", async function () {});',
  "setTimeout(async () => {}, 1);",
  "[1].forEach(async () => {});",
  "createServer(async () => {});",
  "new Promise(async (done) => { await main(); done(1); }).catch(() => {});",
  "options.done = async () => {};",
  "const close: { done?: () => void } = { done: async () => {} };",
];

const fine = [
  "await main();",
  "void main();",
  "main().catch(() => {});",
  "main().then(() => 1, () => 2);",
  "main().catch(() => {}).finally(() => 1);",
  "const kept = main();",
  "let later; later = main();",
  "const all = [1].map(async () => {});",
  'test("a", async (t) => { await t.test("b", async () => {}); });',
  'test.only("a", async () => {});',
  'events.on("a", () => void main());',
  'events.on("a", () => events.off("a", () => {}));',
  "options.wait = async () => {};",
  "maybe;",
];

// One project with a file for each line, because opening a project costs more than reading it.
// Inside the repository, where Node's types are found.
mkdirSync(join(root, ".tsbuild"), { recursive: true });
const folder = mkdtempSync(join(root, ".tsbuild", "promises-"));
after(() => rmSync(folder, { recursive: true }));
const lines = [...dropped, ...unawaited, ...fine];
for (const [index, code] of lines.entries()) writeFileSync(join(folder, `${index}.ts`), `${code}${prelude}`);
const compilerOptions = { target: "es2024", module: "nodenext", strict: true, types: ["node"] };
writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions }));
const problems = checkPromises(folder, ["tsconfig.json"]);

function problemsOf(code: string): string[] {
  const start = `${lines.indexOf(code)}.ts:`;
  return problems
    .filter((problem) => problem.startsWith(start))
    .map((problem) => problem.slice(start.length));
}

describe("a dropped promise is told", () => {
  for (const code of dropped) {
    test(code, () => assert.match(problemsOf(code).join(), /^1 drops a promise/));
  }
});

describe("an async function that nobody awaits is told", () => {
  for (const code of unawaited) {
    test(code, () => assert.match(problemsOf(code).join(), /^1 is a function whose promise nobody awaits/));
  }
});

describe("a promise that someone answers for is fine", () => {
  for (const code of fine) {
    test(code, () => assert.deepEqual(problemsOf(code), []));
  }
});
