import { join } from "node:path";
import { build } from "esbuild";

const entries = { page: "main.ts", theme: "theme.ts", style: "style/page.css" };

/** The page's modules and styles as the browser takes them, by file name. Rejects when they do not compile. */
export async function bundle(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const result = await build({
    entryPoints: Object.entries(entries).map(([out, file]) => ({ in: join(folder, file), out })),
    outdir: folder,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    // The browser's tools then show the TypeScript that was written.
    sourcemap: "linked",
    write: false,
    logLevel: "silent",
  });
  return new Map(result.outputFiles.map(({ path, contents }) => [path.slice(folder.length + 1), contents]));
}
