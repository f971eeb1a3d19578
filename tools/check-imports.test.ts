import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { checkImports } from "./check-imports.ts";

const manifest = (name: string, more: object = {}) => JSON.stringify({ name, ...more });

const packages = {
  "package.json": manifest("root", { devDependencies: { "fast-check": "1.0.0" } }),
  "packages/protocol/package.json": manifest("@x/protocol", { exports: { ".": "./src/index.ts" } }),
  "packages/protocol/src/index.ts": "export {};",
  "packages/core/package.json": manifest("@x/core", {
    exports: {
      "./server": "./src/server/index.ts",
      "./client": "./src/client/index.ts",
      "./broker": "./src/broker/index.ts",
    },
    dependencies: { "@x/protocol": "1.0.0" },
  }),
  "packages/server/package.json": manifest("@x/server", {
    exports: { ".": "./src/index.ts" },
    dependencies: { "@x/core": "1.0.0", "@x/protocol": "1.0.0", "@x/client": "1.0.0", ws: "1.0.0" },
    devDependencies: { valibot: "1.0.0" },
  }),
  "packages/client/package.json": manifest("@x/client", {
    exports: { ".": "./src/index.ts" },
    dependencies: { "@x/core": "1.0.0", "@x/server": "1.0.0", ws: "1.0.0" },
  }),
  "packages/broker-a/package.json": manifest("@x/broker-a", {
    dependencies: { "@x/core": "1.0.0", "@x/broker-b": "1.0.0" },
  }),
  "packages/broker-b/package.json": manifest("@x/broker-b", { exports: { ".": "./src/index.ts" } }),
  "packages/testkit/package.json": manifest("@x/testkit", {
    exports: { ".": "./src/index.ts" },
    dependencies: { "@x/core": "1.0.0", "@x/server": "1.0.0" },
  }),
  "tests/package.json": manifest("@x/tests"),
  "examples/demo/package.json": manifest("@x/demo", { dependencies: { "@x/server": "1.0.0" } }),
};

function check(files: Record<string, string>): string[] {
  return checkImports(new Map(Object.entries({ ...packages, ...files })));
}

function one(path: string, text: string): string {
  return check({ [path]: text }).join("\n");
}

describe("allowed", () => {
  const allowed: [path: string, text: string][] = [
    ["packages/core/src/server/hub.ts", 'import { a } from "@x/protocol";'],
    ["packages/core/src/server/hub.ts", 'import { a } from "../broker/index.ts";'],
    ["packages/core/src/server/hub.ts", 'import { a } from "@x/core/broker";'],
    ["packages/core/src/client/backoff.ts", 'import { a } from "../delay.ts";'],
    ["packages/server/src/index.ts", 'import http from "node:http"; import { WebSocket } from "ws";'],
    [
      "packages/server/src/index.ts",
      'import { a } from "@x/core/server"; import { b } from "@x/core/broker";',
    ],
    ["packages/client/src/index.ts", 'import type { a } from "@x/core/client";'],
    ["packages/broker-a/src/index.ts", 'import { a } from "@x/core/broker";'],
    ["packages/testkit/src/index.ts", 'import net from "node:net"; import { a } from "@x/core/client";'],
    ["packages/protocol/src/a.test.ts", 'import test from "node:test"; import fc from "fast-check";'],
    ["packages/protocol/src/a.test.ts", 'import { a } from "@x/server";'],
    ["packages/server/src/a.test.ts", 'import * as v from "valibot";'],
    ["tests/a.test.ts", 'import { a } from "@x/client"; import { b } from "@x/core/server";'],
    ["examples/demo/main.ts", 'import { a } from "@x/server"; import fs from "node:fs";'],
    ["packages/core/src/server/hub.ts", "const name = await import(chosen);"],
  ];
  for (const [path, text] of allowed) {
    test(`${path}: ${text}`, () => assert.equal(one(path, text), ""));
  }
});

describe("refused", () => {
  const direction: [path: string, text: string, problem: RegExp][] = [
    ["packages/protocol/src/a.ts", 'import "@x/core/server";', /:1 .*protocol may import nothing else\./],
    ["packages/protocol/src/a.ts", 'import fs from "node:fs";', /protocol may import no Node module\./],
    [
      "packages/core/src/server/a.ts",
      '\nimport fs from "fs";',
      /:2 .*core\/server may import no Node module\./,
    ],
    ["packages/core/src/server/a.ts", 'import ws from "ws";', /core\/server may import no npm package\./],
    ["packages/core/src/server/a.ts", 'import { b } from "../client/b.ts";', /core\/server may import only/],
    ["packages/core/src/client/a.ts", 'import { b } from "../server/b.ts";', /core\/client may import only/],
    ["packages/core/src/client/a.ts", 'import { b } from "@x/core/broker";', /core\/client may import only/],
    [
      "packages/core/src/broker/a.ts",
      'import { b } from "../delay.ts";',
      /core\/broker may import only protocol\./,
    ],
    ["packages/core/src/delay.ts", 'import { b } from "./client/b.ts";', /core may import only protocol\./],
    ["packages/server/src/a.ts", 'import { b } from "@x/client";', /server may import only/],
    ["packages/server/src/a.ts", 'import { b } from "@x/core/client";', /server may import only/],
    ["packages/client/src/a.ts", 'import { b } from "@x/core/server";', /client may import only/],
    ["packages/client/src/a.ts", 'import { b } from "@x/server";', /client may import only/],
    ["packages/client/src/a.ts", 'import { WebSocket } from "ws";', /client may import no npm package\./],
    ["packages/client/src/a.ts", 'import fs from "node:fs";', /client may import no Node module\./],
    ["packages/broker-a/src/a.ts", 'import { b } from "@x/broker-b";', /broker-\* may import only/],
    ["packages/testkit/src/a.ts", 'import { b } from "@x/server";', /testkit may import only/],
  ];
  for (const [path, text, problem] of direction) {
    test(`direction: ${path}: ${text.trim()}`, () => assert.match(one(path, text), problem));
  }

  const forms = [
    'import "@x/client";',
    'import type { a } from "@x/client";',
    'import { type a } from "@x/client";',
    'export { a } from "@x/client";',
    'export type { a } from "@x/client";',
    'export * from "@x/client";',
    'const a = await import("@x/client");',
    "const a = await import(`@x/client`);",
    'type A = import("@x/client").A;',
    'type A = typeof import("@x/client");',
  ];
  for (const form of forms) {
    test(`form: ${form}`, () =>
      assert.match(one("packages/server/src/a.ts", form), /server may import only/));
  }

  test("another package's folder by a relative path", () => {
    const problem = /another package; import that by its name\./;
    assert.match(one("packages/server/src/a.ts", 'import "../../protocol/src/index.ts";'), problem);
    assert.match(one("tests/a.test.ts", 'import "../packages/protocol/src/index.ts";'), problem);
  });

  test("a path that exports does not list", () => {
    const problem = /has no entry point "\.\/src\/index\.ts"\./;
    assert.match(one("tests/a.test.ts", 'import "@x/protocol/src/index.ts";'), problem);
    assert.match(one("tests/a.test.ts", 'import "@x/core";'), /has no entry point "\."\./);
  });

  test("a dependency that is not declared", () => {
    const problem = /valibot is not among the dependencies in packages\/server\/package\.json\./;
    assert.match(one("packages/server/src/a.ts", 'import "valibot";'), problem);
    assert.match(
      one("examples/demo/a.ts", 'import "@x/client";'),
      /@x\/client is not among the dependencies/,
    );
    assert.match(one("tests/a.test.ts", 'import "left-pad";'), /left-pad is not among the dependencies/);
  });

  test("a relative import without its extension", () => {
    assert.match(one("tests/a.ts", 'import "./b";'), /extension is missing\./);
    assert.match(one("tests/a.ts", 'import "./b.js";'), /extension is missing\./);
  });

  test("a vague name", () => {
    assert.match(one("packages/server/src/utils/a.ts", ""), /"utils" says nothing/);
    assert.match(one("packages/server/src/types.ts", ""), /"types\.ts" says nothing/);
    assert.match(one("tests/helpers.test.ts", ""), /"helpers\.test\.ts" says nothing/);
    assert.equal(one("packages/server/src/content-types.ts", ""), "");
  });

  test("an import cycle, unless a link of it is type-only", () => {
    const file = (name: string) => `packages/server/src/${name}.ts`;
    const rest = { [file("b")]: 'import "./c.ts";', [file("c")]: 'export * from "./a.ts";' };
    assert.deepEqual(check({ [file("a")]: 'import { b } from "./b.ts";', ...rest }), [
      `${file("a")}: import cycle ${file("a")} -> ${file("b")} -> ${file("c")} -> ${file("a")}.`,
    ]);
    assert.deepEqual(check({ [file("a")]: 'import type { b } from "./b.ts";', ...rest }), []);
    assert.equal(check({ [file("a")]: 'import { type b } from "./b.ts";', ...rest }).length, 1);
  });

  test("a package that is in no area", () => {
    assert.match(one("packages/new/src/a.ts", ""), /belongs to no area/);
  });

  test("types brought in by a comment", () => {
    assert.match(
      one("packages/core/src/a.ts", '/// <reference lib="dom" />'),
      /references types by a comment/,
    );
  });
});
