import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";

const cli = join(import.meta.dirname, "../../packages/cli");

/** The command line's program in plain JavaScript, as it is published: run from its sources, each process would hold a compiler besides. */
export interface BuiltProgram {
  readonly path: string;
  remove(): void;
}

export async function buildProgram(): Promise<BuiltProgram> {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-bench-"));
  const path = join(folder, "holdfast.mjs");
  await build({
    entryPoints: [join(cli, "src/main.ts")],
    outfile: path,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
    // What some packages are written in asks for it.
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  // It says its version from there.
  copyFileSync(join(cli, "package.json"), join(folder, "package.json"));
  return { path, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
