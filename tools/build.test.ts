import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { build, publishable } from "./build.ts";
import { root } from "./repository.ts";

test("entry points and commands are those of the built files", () => {
  const source = {
    name: "@x/core",
    exports: { ".": "./src/index.ts", "./server": "./src/server/index.ts" },
    bin: { x: "src/main.ts" },
    devDependencies: { a: "1.0.0" },
  };
  assert.deepEqual(publishable(source), {
    name: "@x/core",
    exports: {
      ".": { types: "./index.d.ts", default: "./index.js" },
      "./server": { types: "./server/index.d.ts", default: "./server/index.js" },
    },
    bin: { x: "main.js" },
  });
});

test("the built packages run and type-check in a project of someone else", async () => {
  // Inside the repository, where the packages' own dependencies are found; the built ones are nearer than the sources.
  const project = join(root, ".tsbuild", "published");
  rmSync(project, { recursive: true, force: true });
  await build(join(project, "packages"));

  const entries: string[] = [];
  for (const path of globSync("packages/*/package.json", { cwd: project })) {
    const manifest = JSON.parse(readFileSync(join(project, path), "utf8"));
    const link = join(project, "node_modules", manifest.name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(project, dirname(path)), link, "dir");
    entries.push(...Object.keys(manifest.exports ?? {}).map((entry) => join(manifest.name, entry)));
  }
  assert.ok(entries.includes("@holdfast/client"), entries.join());

  const imports = entries.map((entry, index) => `import * as entry${index} from "${entry}";`);
  const uses = entries.map((_, index) => `void entry${index};`);
  writeFileSync(join(project, "package.json"), `{ "type": "module" }\n`);
  writeFileSync(join(project, "main.ts"), `${imports.join("\n")}\n${uses.join("\n")}\n`);
  run(project, "main.ts");
  for (const module of [["nodenext"], ["esnext", "--moduleResolution", "bundler"]]) {
    const options = ["--ignoreConfig", "--noEmit", "--strict", "--types", "node", "--module", ...module];
    run(project, join(root, "node_modules/typescript/bin/tsc"), ...options, "main.ts");
  }
});

function run(cwd: string, ...args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
}
