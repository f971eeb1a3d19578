import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build as bundle } from "esbuild";
import { root } from "./repository.ts";

interface Manifest {
  name: string;
  private?: boolean;
  exports?: Record<string, string>;
  bin?: Record<string, string>;
  devDependencies?: Record<string, string>;
  [field: string]: unknown;
}

/** Writes every package, ready to publish, to a folder of its own below `outDir`. */
export async function build(outDir: string): Promise<void> {
  rmSync(outDir, { recursive: true, force: true });
  const folders = readdirSync(join(root, "packages")).filter((folder) => existsSync(manifestPath(folder)));
  // The packages see each other through the declarations that this leaves in .tsbuild.
  tsc("-b", ...folders.map(projectPath));
  for (const folder of folders) {
    const manifest = JSON.parse(readFileSync(manifestPath(folder), "utf8")) as Manifest;
    if (!manifest.private) buildPackage(folder, manifest, join(outDir, folder));
  }
  await bundleClient(join(outDir, "client", "holdfast.min.js"));
}

function buildPackage(folder: string, manifest: Manifest, outDir: string): void {
  mkdirSync(outDir, { recursive: true });
  tsc(
    ...["-p", projectPath(folder), "--outDir", outDir],
    ...["--composite", "false", "--incremental", "false", "--tsBuildInfoFile", "null"],
    ...["--emitDeclarationOnly", "false", "--declarationMap", "false", "--rewriteRelativeImportExtensions"],
  );
  writeFileSync(join(outDir, "package.json"), `${JSON.stringify(publishable(manifest), null, 2)}\n`);
  cpSync(join(root, "LICENSE"), join(outDir, "LICENSE"));
  const readme = join(root, "packages", folder, "README.md");
  if (existsSync(readme)) cpSync(readme, join(outDir, "README.md"));
}

/** Everything in the folder is to be published, so the manifest needs no `files`. */
export function publishable({ devDependencies: _, ...manifest }: Manifest): Manifest {
  const out = (source: string, extension: string) =>
    source.replace("./src/", "./").replace(/\.ts$/, extension);
  const map = <T>(entries: Record<string, string>, to: (source: string) => T) =>
    Object.fromEntries(Object.entries(entries).map(([key, source]) => [key, to(source)]));
  const { exports, bin } = manifest;
  if (exports) {
    const built = map(exports, (source) => ({ types: out(source, ".d.ts"), default: out(source, ".js") }));
    Object.assign(manifest, { exports: built });
  }
  if (bin) manifest.bin = map(bin, (source) => source.replace(/^(\.\/)?src\//, "").replace(/\.ts$/, ".js"));
  return manifest;
}

/** One file for a page without a bundler of its own. */
async function bundleClient(outfile: string): Promise<void> {
  await bundle({
    entryPoints: [join(root, "packages/client/src/index.ts")],
    outfile,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    logLevel: "warning",
  });
  const bytes = readFileSync(outfile);
  const kilobytes = (size: number) => `${(size / 1000).toFixed(1)} kB`;
  console.log(`client bundle: ${kilobytes(bytes.length)}, ${kilobytes(gzipSync(bytes).length)} with gzip`);
}

function manifestPath(folder: string): string {
  return join(root, "packages", folder, "package.json");
}

function projectPath(folder: string): string {
  return join(root, "packages", folder, "tsconfig.src.json");
}

function tsc(...args: string[]): void {
  const script = join(root, "node_modules/typescript/bin/tsc");
  const { status } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error(`tsc ${args.join(" ")} failed`);
}

if (import.meta.main) {
  await build(join(root, "dist"));
}
